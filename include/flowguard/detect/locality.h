// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/ip_prefix.h"

#include <set>
#include <vector>

namespace flowguard {

/// Which addresses are ours.
class Locality {
  public:
    /// Private, unique local, link-local and loopback addresses are ours beside `own`.
    Locality() = default;
    /// `prefixes`: in their place. `own`: addresses of this host or guessed ones, ours in any case.
    Locality(std::vector<IpPrefix> prefixes, std::set<IpAddress> own);

    bool is_ours(const IpAddress &address) const;
    /// In: a stranger is the client; Out: a stranger is the server; Internal: both are ours; Between: neither.
    enum class Direction : std::uint8_t { In, Out, Internal, Between };
    Direction direction(const FlowKey &key) const;

    static bool is_private(const IpAddress &address);

  private:
    std::vector<IpPrefix> prefixes_; ///< empty: private ranges
    std::set<IpAddress> own_;
};

} // namespace flowguard
