// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frame.h"

namespace flowguard::bench {

/// The veth device that frames are redirected to; its peer receives them.
struct NearEnd {
    std::string name;
    std::uint32_t ifindex = 0;
    unsigned mtu = 0;
    MacAddress mac{};
};

/// In the current network namespace. An error for what is not a veth device that is up: a flood must not get out.
Result<NearEnd> find_near_end(const std::string &name);

} // namespace flowguard::bench
