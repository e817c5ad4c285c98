// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"

#include <cstdint>

namespace flowguard {

/// The key that both directions of a flow share: endpoints in ascending order, ICMP answers under their request's type.
struct BiflowKey {
    fg_flow_key key;
    bool swapped; ///< the record's source is the key's destination
};

BiflowKey biflow_key(const fg_flow_key &record);

/// The ICMP or ICMPv6 type that `type` answers; `type` itself if it answers none.
std::uint8_t icmp_request_type(std::uint8_t proto, std::uint8_t type);
bool is_icmp(std::uint8_t proto);
/// True if the protocol's first four bytes are ports.
bool has_ports(std::uint8_t proto);

} // namespace flowguard
