// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/counters.h"
#include "flowguard/abi/parser.h"
#include "flowguard/core/error.h"
#include "flowguard/core/ip_address.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace flowguard {

struct Device {
    std::string name;
    std::uint32_t ifindex = 0;
    fg_link link = FG_LINK_ETHERNET;
    bool up = false;
    std::uint32_t vlan_offloads = 0; ///< enum fg_vlan_offload, ORed
};

/// A network device of this namespace; the error says how to find the right name.
Result<Device> find_device(const std::string &name);
/// 0 if there is no such device now.
std::uint32_t ifindex_of(const std::string &name);
/// Addresses of this host's interfaces.
std::set<IpAddress> own_addresses();

/// Why an address must not be blocked without --force.
struct Protected {
    IpAddress address;
    std::string why;              ///< "the default gateway"
    std::uint16_t login_port = 0; ///< of this host, where a peer of an SSH session is connected; 0: it is none
};
/// Own addresses, default gateways, resolvers in use and peers of live SSH sessions.
std::vector<Protected> protected_addresses();

} // namespace flowguard
