// SPDX-License-Identifier: Apache-2.0
/* Rules and packets by chance, near enough to each other that many match. */
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/core/rule_match.h"
#include "flowguard/core/rule_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace flowguard::test {

class RandomRules {
  public:
    explicit RandomRules(std::uint32_t seed) : random_(seed) {}

    InterfaceNames interfaces() const
    {
        InterfaceNames names;
        names[3] = "eth0";
        names[7] = "eth1";
        return names;
    }

    std::vector<fg_rule> rules(unsigned count)
    {
        std::vector<fg_rule> slots(count);
        for (unsigned i = 0; i < count; i++) {
            slots[i].id = i + 1;
            slots[i].action = one_in(3) ? FG_RULE_ALLOW : FG_RULE_BLOCK;
            slots[i].priority = 100 + 50 * upto(4);
            slots[i].match = match();
        }
        return slots;
    }

    /// And the slot of its interface. Often one that some rule wants.
    std::pair<RulePacket, std::uint32_t> packet(const std::vector<fg_rule> &rules)
    {
        const fg_match like = rules.empty() ? match() : rules[upto(static_cast<unsigned>(rules.size()) - 1)].match;
        RulePacket packet;
        const bool first = !one_in(3);
        packet.interface = first ? "eth0" : "eth1";
        packet.direction = one_in(2) ? FG_TX : FG_RX;
        fg_flow_key &key = packet.key;
        const bool v4 = like.family == FG_FAMILY_ANY ? one_in(2) : (like.family == FG_FAMILY_V4) != one_in(10);
        key.kind = v4 ? FG_KIND_IPV4 : FG_KIND_IPV6;
        const IpAddress remote = like.remote.bits && !one_in(4) && v4 == (like.family == FG_FAMILY_V4)
                                     ? within(like.remote)
                                     : address(v4);
        std::ranges::copy(remote.bytes(), packet.direction == FG_RX ? key.src : key.dst);
        key.proto = (like.conditions & FG_MATCH_PROTO) && !one_in(4) ? like.proto : proto();
        const bool ports = fg_has_ports(key.proto) || key.proto == FG_PROTO_ICMP || key.proto == FG_PROTO_ICMPV6;
        const bool small = !fg_has_ports(key.proto);
        key.sport = ports ? within(like.sport, small) : std::uint16_t{0};
        key.dport = ports ? within(like.dport, small) : std::uint16_t{0};
        if (one_in(10)) {
            key.flags = FG_KEY_FRAGMENT;
            key.sport = key.dport = 0;
        } else if (key.proto == FG_PROTO_TCP && one_in(10)) {
            packet.cut = true;
        } else if (key.proto == FG_PROTO_TCP) {
            packet.tcp_flags = static_cast<std::uint8_t>(one_in(2) ? like.tcp_flags : upto(63));
        }
        packet.length = one_in(3) ? 60 + upto(1'500) : like.length.first + upto(80);
        return {packet, first ? 3U : 7U};
    }

  private:
    std::uint32_t upto(std::uint32_t most) { return std::uniform_int_distribution<std::uint32_t>(0, most)(random_); }
    bool one_in(std::uint32_t count) { return upto(count - 1) == 0; }

    std::uint8_t proto()
    {
        constexpr std::array<std::uint8_t, 6> all{FG_PROTO_TCP,    FG_PROTO_UDP, FG_PROTO_ICMP,
                                                  FG_PROTO_ICMPV6, 47,           FG_PROTO_SCTP};
        return all.at(upto(5));
    }
    IpAddress address(bool v4)
    {
        const std::string text = v4 ? fmt::format("198.51.{}.{}", upto(3), upto(255))
                                    : fmt::format("2001:db8:{:x}::{:x}", upto(3), upto(255));
        return IpAddress::parse(text).value();
    }
    IpAddress within(const fg_prefix &prefix)
    {
        std::uint8_t bytes[16];
        std::ranges::copy(prefix.bytes, bytes);
        for (unsigned bit = prefix.bits; bit < 128; bit++)
            if (one_in(2))
                bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (0x80U >> (bit % 8)));
        return IpAddress(bytes);
    }
    std::uint16_t within(const fg_range &range, bool small)
    {
        const std::uint32_t most = small ? 255 : 65'535;
        const std::uint32_t value = one_in(3) ? upto(most) : range.first + upto(range.last - range.first) + upto(1);
        return static_cast<std::uint16_t>(std::min(value, most));
    }
    fg_range range(std::uint32_t most)
    {
        const std::uint32_t first = upto(most);
        return {static_cast<std::uint16_t>(first),
                static_cast<std::uint16_t>(one_in(2) ? first : std::min(most, first + upto(most / 8)))};
    }

    fg_match match()
    {
        fg_match match{};
        match.directions = 1 + upto(2);
        match.sport = match.dport = match.length = {0, 65535};
        if (one_in(4))
            (one_in(2) ? std::string("eth0") : std::string("eth1")).copy(match.interface, 15);
        if (!one_in(3))
            choose_remote(match);
        if (one_in(2)) {
            match.conditions |= FG_MATCH_PROTO;
            match.proto = proto();
        }
        const bool icmp = (match.conditions & FG_MATCH_PROTO) &&
                          (match.proto == FG_PROTO_ICMP || match.proto == FG_PROTO_ICMPV6);
        const bool none = (match.conditions & FG_MATCH_PROTO) && !icmp && !fg_has_ports(match.proto);
        if (!none && one_in(3)) {
            match.conditions |= FG_MATCH_DPORT;
            match.dport = one_in(10) && !icmp ? fg_range{0, 65535} : range(icmp ? 255 : 65'535);
        }
        if (!none && one_in(6)) {
            match.conditions |= FG_MATCH_SPORT;
            match.sport = range(icmp ? 255 : 65'535);
        }
        if ((match.conditions & FG_MATCH_PROTO) && match.proto == FG_PROTO_TCP && one_in(3)) {
            match.tcp_mask = static_cast<std::uint8_t>(1 + upto(62));
            match.tcp_flags = static_cast<std::uint8_t>(upto(63) & match.tcp_mask);
        }
        if (one_in(6))
            match.length = range(1'514);
        return match;
    }
    void choose_remote(fg_match &match)
    {
        const bool v4 = one_in(2);
        match.family = v4 ? FG_FAMILY_V4 : FG_FAMILY_V6;
        if (one_in(6))
            return;
        const std::uint32_t bits = v4 ? 96 + 8 + upto(24) : 16 + upto(112);
        const IpPrefix prefix(address(v4), bits);
        match.remote.bits = bits;
        std::ranges::copy(prefix.first().bytes(), match.remote.bytes);
    }

    std::mt19937 random_;
};

} // namespace flowguard::test
