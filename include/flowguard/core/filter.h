// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/flow.h"

#include <memory>
#include <string>

namespace flowguard {

/// A tcpdump expression over flows: a flow matches if its packets from client to server would.
/// `dst port 443` therefore finds the flows to servers on 443, as people mean it.
class FlowFilter {
  public:
    /// Empty text matches everything. Errors quote libpcap's reason, with ExitCode::Usage.
    static Result<FlowFilter> compile(const std::string &expression);
    bool matches(const Flow &flow) const;

    ~FlowFilter();
    FlowFilter(FlowFilter &&) noexcept;
    FlowFilter &operator=(FlowFilter &&) noexcept;

  private:
    FlowFilter();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace flowguard
