// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/abi/rules.h"
#include "flowguard/core/ip_prefix.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

/// What rules may look at.
struct RulePacket {
    fg_flow_key key{};
    fg_direction direction = FG_RX;
    std::uint8_t tcp_flags = 0;
    bool cut = false;         ///< the TCP header is not whole
    std::uint32_t length = 0; ///< L2 bytes
    std::string_view interface;
};

/// Of one field alone; the kernel program and rule_rows.h must agree with these.
bool matches_path(const fg_match &match, std::string_view interface, fg_direction direction);
bool matches_proto(const fg_match &match, std::uint8_t proto);
bool matches_sport(const fg_match &match, std::optional<std::uint16_t> port); ///< none: the packet has no ports
bool matches_dport(const fg_match &match, std::optional<std::uint16_t> port);
bool matches_tcp_flags(const fg_match &match, std::optional<std::uint8_t> flags); ///< none: not in this packet
bool matches_length(const fg_match &match, std::uint32_t length);

/// Flags that nobody can see are the worst that they may be: blocks and limits take them for theirs.
bool matches_cut_flags(const fg_rule &rule);

/// All of a rule's conditions.
bool matches(const fg_rule &rule, const RulePacket &packet);

/// The target of a rule; none: any address of its family.
std::optional<IpPrefix> remote_of(const fg_match &match);

/// Slots in the order in which their rules are asked: by priority, then by id. Free slots are left out.
std::vector<std::uint16_t> rule_order(std::span<const fg_rule> slots);

} // namespace flowguard
