// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "samples.h"

#include "flowguard/abi/tunnel.h"

#include <vector>

namespace flowguard::test {

/// A packet that carries TCP from port 1000 to 80, as SYN, between the inner addresses below.
struct Tunneled {
    const char *what;
    Packet packet;
    bool v6_inside = false;
    std::uint16_t vlan = 0;
};

constexpr const char *inner_v4_source = "192.0.2.1";
constexpr const char *inner_v4_destination = "198.51.100.2";
constexpr const char *inner_v6_source = "2001:db8::1";
constexpr const char *inner_v6_destination = "2001:db8::2";

inline Packet outer_pppoe(std::uint16_t protocol) { return Packet().ethernet(0x8864).pppoe(protocol); }

inline Packet with_v4(Packet packet, Packet::V4 with = {})
{
    return packet.ipv4(inner_v4_source, inner_v4_destination, 6, with).tcp(1000, 80, 2);
}
inline Packet with_v6(Packet packet) { return packet.ipv6(inner_v6_source, inner_v6_destination, 6).tcp(1000, 80, 2); }

// clang-format off: a row is read across
inline std::vector<Tunneled> tunneled_packets()
{
    constexpr std::uint16_t checksum = 0x8000, key = 0x2000, sequence = 0x1000;
    return {
        {"VXLAN", with_v4(v4_sample(17).udp(55555, 4789).vxlan().ethernet(0x0800))},
        {"VXLAN, IPv6 inside", with_v6(v4_sample(17).udp(55555, 4789).vxlan().ethernet(0x86dd)), true},
        {"VXLAN over IPv6", with_v4(v6_sample(17).udp(55555, 4789).vxlan().ethernet(0x0800))},
        {"VXLAN, tag inside", with_v4(v4_sample(17).udp(55555, 4789).vxlan().ethernet(0x8100).vlan(7, 0x0800))},
        {"VXLAN, tag outside",
         with_v4(Packet()
                     .ethernet(0x8100)
                     .vlan(9, 0x0800)
                     .ipv4("10.0.0.1", "10.0.0.2", 17)
                     .udp(55555, 4789)
                     .vxlan()
                     .ethernet(0x8100)
                     .vlan(7, 0x0800)),
         false, 9},
        {"GRE", with_v4(v4_sample(47).gre(0x0800))},
        {"GRE, IPv6 inside", with_v6(v4_sample(47).gre(0x86dd)), true},
        {"GRE with key", with_v4(v4_sample(47).gre(0x0800, key))},
        {"GRE with all", with_v4(v4_sample(47).gre(0x0800, checksum | key | sequence))},
        {"GRE of frames", with_v4(v4_sample(47).gre(0x6558, key).ethernet(0x0800))},
        {"GRE over IPv6", with_v4(v6_sample(47).gre(0x0800, sequence))},
        {"IPv4 in IPv4", with_v4(v4_sample(4))},
        {"IPv4 in IPv4, options", with_v4(v4_sample(4, {.option_words = 3}), {.option_words = 2})},
        {"IPv6 in IPv4", with_v6(v4_sample(41)), true},
        {"IPv4 in IPv6", with_v4(v6_sample(4))},
        {"IPv6 in IPv6, behind an extension header", with_v6(v6_sample(60).extension(41)), true},
        {"first fragment", with_v4(v4_sample(4, {.fragment_offset = 0x2000}))},
        {"PPPoE", with_v4(outer_pppoe(0x0021))},
        {"PPPoE, IPv6 inside", with_v6(outer_pppoe(0x0057)), true},
        {"PPPoE, short protocol field", with_v4(Packet().ethernet(0x8864).pppoe_short(0x21))},
        {"VXLAN over IP in IP",
         with_v4(v4_sample(4).ipv4("172.16.0.1", "172.16.0.2", 17).udp(55555, 4789).vxlan().ethernet(0x0800))},
        {"GRE over PPPoE", with_v6(outer_pppoe(0x0021).ipv4("172.16.0.1", "172.16.0.2", 47).gre(0x86dd)), true},
    };
}

/// What only looks like a tunnel, or carries no IP: counted as the outer flow.
struct NoTunnel {
    const char *what;
    Packet packet;
};

inline std::vector<NoTunnel> packets_without_tunnel()
{
    return {
        {"VXLAN without an id", with_v4(v4_sample(17).udp(55555, 4789).vxlan(0).ethernet(0x0800))},
        {"ARP in VXLAN", v4_sample(17).udp(55555, 4789).vxlan().ethernet(0x0806).zeros(28)},
        {"from VXLAN's port", with_v4(v4_sample(17).udp(4789, 55555).vxlan().ethernet(0x0800))},
        {"TCP to VXLAN's port", with_v4(v4_sample(6).tcp(55555, 4789, 0x10).vxlan().ethernet(0x0800))},
        {"GRE of version 1", with_v4(v4_sample(47).gre(0x0800, 0x0001))},
        {"GRE with routing", with_v4(v4_sample(47).gre(0x0800, 0x4000))},
        {"GRE of something else", v4_sample(47).gre(0x88be).zeros(60)},
        {"version 5 inside", with_v4(v4_sample(4), {.version_and_length = 0x55})},
        {"header of 16 bytes inside", with_v4(v4_sample(4), {.version_and_length = 0x44})},
        {"IPv4 where IPv6 is announced", with_v4(v4_sample(41))},
        {"later fragment", with_v4(v4_sample(4, {.fragment_offset = 9}))},
        {"later fragment, IPv6", with_v4(v6_sample(44).fragment(4, 9))},
        {"PPPoE of LCP", outer_pppoe(0xc021).zeros(40)},
        {"PPPoE of another version", with_v4(Packet().ethernet(0x8864).pppoe(0x0021, 0x22))},
        {"PPPoE discovery", with_v4(Packet().ethernet(0x8863).pppoe(0x0021))},
        {"malformed outside", with_v4(v4_sample(4, {.version_and_length = 0x44}))},
        {"no tunnel at all", v4_sample(17).udp(1, 2).zeros(60)},
    };
}

// clang-format on
inline std::vector<std::uint8_t> cut(const Packet &packet, std::size_t length)
{
    return {packet.bytes().begin(), packet.bytes().begin() + static_cast<std::ptrdiff_t>(length)};
}

} // namespace flowguard::test
