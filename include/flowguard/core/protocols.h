// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flowguard {

/// Upper-case IANA keyword ("TCP", "IPV6-ICMP"), or the number as text where none is assigned.
std::string protocol_name(std::uint8_t proto);
/// The other way, in any case; "icmpv6" is known, too. None if it is neither a keyword nor a number up to 255.
std::optional<std::uint8_t> protocol_number(std::string_view name);

} // namespace flowguard
