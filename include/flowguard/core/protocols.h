// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace flowguard {

/// Upper-case IANA keyword ("TCP", "IPV6-ICMP"), or the number as text where none is assigned.
std::string protocol_name(std::uint8_t proto);

} // namespace flowguard
