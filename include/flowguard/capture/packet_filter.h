// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/reader.h"
#include "flowguard/core/error.h"

#include <map>
#include <memory>
#include <string>

struct bpf_program;

namespace flowguard {

/// A tcpdump expression over the packets of a capture, whatever their link types.
class PacketFilter {
  public:
    /// Empty text matches everything. An error says where the expression goes wrong, with ExitCode::Usage.
    static Result<PacketFilter> of(const std::string &expression);
    /// An error if the expression has no meaning on the packet's link.
    Result<bool> matches(const CapturedPacket &packet);

  private:
    struct Free {
        void operator()(bpf_program *program) const;
    };
    using Program = std::unique_ptr<bpf_program, Free>;

    explicit PacketFilter(std::string expression) : expression_(std::move(expression)) {}
    Result<bpf_program *> program_for(std::uint32_t link_type);

    std::string expression_;
    std::map<std::uint32_t, Program> programs_; ///< by link type
};

} // namespace flowguard
