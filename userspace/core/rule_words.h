// SPDX-License-Identifier: Apache-2.0
/* The words that rules are read and written with. */
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/abi/rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace flowguard {

/// From the lowest bit on.
inline constexpr std::array<std::string_view, 8> tcp_flag_names{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};

/// By fg_rule_action.
inline constexpr std::array<std::string_view, 4> rule_action_names{"none", "allow", "block", "limit"};

struct RulePeriod {
    std::string_view name;
    std::uint64_t ns;
};
/// The first of each length is how it is written.
inline constexpr std::array rule_periods{RulePeriod{"s", 1'000'000'000},      RulePeriod{"sec", 1'000'000'000},
                                         RulePeriod{"second", 1'000'000'000}, RulePeriod{"m", 60'000'000'000},
                                         RulePeriod{"min", 60'000'000'000},   RulePeriod{"minute", 60'000'000'000},
                                         RulePeriod{"h", 3'600'000'000'000},  RulePeriod{"hour", 3'600'000'000'000},
                                         RulePeriod{"d", 86'400'000'000'000}, RulePeriod{"day", 86'400'000'000'000}};

/// Type and code of ICMP stand where others have their ports.
inline bool is_icmp_rule(const fg_match &match)
{
    return (match.conditions & FG_MATCH_PROTO) && (match.proto == FG_PROTO_ICMP || match.proto == FG_PROTO_ICMPV6);
}

/// ASCII alone.
inline std::string to_upper(std::string text)
{
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}
inline std::string to_lower(std::string text)
{
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

} // namespace flowguard
