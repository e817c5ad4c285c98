// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rule_match.h"

#include "flowguard/abi/parser.h"

#include <algorithm>
#include <tuple>

namespace flowguard {
namespace {

constexpr std::uint32_t longest = 65535;

bool is_within(const fg_range &range, std::uint32_t value) { return range.first <= value && value <= range.last; }

bool matches_remote(const fg_match &match, const fg_flow_key &key, fg_direction direction)
{
    if (match.family != FG_FAMILY_ANY && (match.family == FG_FAMILY_V4) != (key.kind == FG_KIND_IPV4))
        return false;
    const auto remote = remote_of(match);
    return !remote || remote->contains(IpAddress(direction == FG_RX ? key.src : key.dst));
}

} // namespace

bool matches_path(const fg_match &match, std::string_view interface, fg_direction direction)
{
    const std::uint32_t wanted = direction == FG_RX ? FG_BLOCK_IN : FG_BLOCK_OUT;
    return (match.directions & wanted) != 0 && (match.interface[0] == '\0' || interface == match.interface);
}

bool matches_proto(const fg_match &match, std::uint8_t proto)
{
    if (match.conditions & FG_MATCH_PROTO)
        return match.proto == proto;
    return !(match.conditions & (FG_MATCH_SPORT | FG_MATCH_DPORT)) || fg_has_ports(proto);
}

bool matches_sport(const fg_match &match, std::optional<std::uint16_t> port)
{
    return !(match.conditions & FG_MATCH_SPORT) || (port && is_within(match.sport, *port));
}

bool matches_dport(const fg_match &match, std::optional<std::uint16_t> port)
{
    return !(match.conditions & FG_MATCH_DPORT) || (port && is_within(match.dport, *port));
}

bool matches_tcp_flags(const fg_match &match, std::optional<std::uint8_t> flags)
{
    return match.tcp_mask == 0 || (flags && (*flags & match.tcp_mask) == match.tcp_flags);
}

bool matches_length(const fg_match &match, std::uint32_t length)
{
    return is_within(match.length, std::min(length, longest));
}

bool matches_cut_flags(const fg_rule &rule) { return rule.match.tcp_mask == 0 || rule.action != FG_RULE_ALLOW; }

bool matches(const fg_rule &rule, const RulePacket &packet)
{
    const fg_match &match = rule.match;
    const fg_flow_key &key = packet.key;
    if (key.kind > FG_KIND_IPV6)
        return false;
    const bool ports = !(key.flags & FG_KEY_NO_PORTS);
    const auto if_ports = [ports](auto value) { return ports ? std::optional(value) : std::nullopt; };
    return matches_path(match, packet.interface, packet.direction) && matches_proto(match, key.proto) &&
           matches_sport(match, if_ports(key.sport)) && matches_dport(match, if_ports(key.dport)) &&
           (ports && packet.cut ? matches_cut_flags(rule) : matches_tcp_flags(match, if_ports(packet.tcp_flags))) &&
           matches_length(match, packet.length) && matches_remote(match, key, packet.direction);
}

std::optional<IpPrefix> remote_of(const fg_match &match)
{
    return match.remote.bits == 0 ? std::nullopt
                                  : std::optional(IpPrefix(IpAddress(match.remote.bytes), match.remote.bits));
}

std::vector<std::uint16_t> rule_order(std::span<const fg_rule> slots)
{
    std::vector<std::uint16_t> order;
    for (std::size_t slot = 0; slot < slots.size(); slot++)
        if (slots[slot].id != 0 && slots[slot].action != FG_RULE_NONE)
            order.push_back(static_cast<std::uint16_t>(slot));
    std::ranges::sort(order, {}, [&](std::uint16_t slot) { return std::tuple(slots[slot].priority, slots[slot].id); });
    return order;
}

} // namespace flowguard
