// SPDX-License-Identifier: Apache-2.0
/* Tunnels, in the same parser as the kernel's; the programs themselves are tested in tests/bpf. */
#include "../bpf/flow_sums.h"
#include "../bpf/tunnel_packets.h"

#include <gtest/gtest.h>

#include <cstring>

namespace flowguard::test {
namespace {

fg_packet parse(const std::vector<std::uint8_t> &bytes, bool tunnels, fg_link link = FG_LINK_ETHERNET)
{
    return parse_frame(bytes, link, 0, tunnels);
}

std::string source(const fg_packet &packet) { return IpAddress(packet.key.src).to_string(); }
std::string destination(const fg_packet &packet) { return IpAddress(packet.key.dst).to_string(); }
bool same_key(const fg_packet &a, const fg_packet &b) { return std::memcmp(&a.key, &b.key, sizeof a.key) == 0; }

TEST(Tunnel, IsTheInnerFlowWhenAskedFor)
{
    for (const Tunneled &row : tunneled_packets()) {
        SCOPED_TRACE(row.what);
        const fg_packet packet = parse(row.packet.bytes(), true);
        EXPECT_EQ(source(packet), row.v6_inside ? inner_v6_source : inner_v4_source);
        EXPECT_EQ(destination(packet), row.v6_inside ? inner_v6_destination : inner_v4_destination);
        EXPECT_EQ(packet.key.kind, row.v6_inside ? FG_KIND_IPV6 : FG_KIND_IPV4);
        EXPECT_EQ(packet.key.flags, FG_KEY_TUNNELED);
        EXPECT_EQ(packet.key.proto, FG_PROTO_TCP);
        EXPECT_EQ(packet.key.sport, 1000);
        EXPECT_EQ(packet.key.dport, 80);
        EXPECT_EQ(packet.key.vlan[0], row.vlan) << "tags of the wire alone";
        EXPECT_EQ(packet.key.vlan[1], 0);
        EXPECT_EQ(packet.tcp_flags, FG_TCP_SYN);
        EXPECT_EQ(packet.header_length, row.packet.bytes().size()) << "all headers: nothing follows them";
    }
}

TEST(Tunnel, IsTheOuterFlowOtherwise)
{
    for (const Tunneled &row : tunneled_packets()) {
        SCOPED_TRACE(row.what);
        const fg_packet packet = parse(row.packet.bytes(), false);
        EXPECT_EQ(packet.key.flags & FG_KEY_TUNNELED, 0);
        if (packet.key.kind == FG_KIND_NON_IP)
            EXPECT_EQ(packet.key.sport, FG_ETHER_PPPOE_SESSION);
        else
            EXPECT_EQ(source(packet), packet.key.kind == FG_KIND_IPV4 ? "10.0.0.1" : "fd00::1");
    }
}

TEST(Tunnel, WhatOnlyLooksLikeOneStaysTheOuterFlow)
{
    for (const NoTunnel &row : packets_without_tunnel()) {
        SCOPED_TRACE(row.what);
        const fg_packet with = parse(row.packet.bytes(), true);
        const fg_packet without = parse(row.packet.bytes(), false);
        EXPECT_EQ(std::memcmp(&with, &without, sizeof with), 0);
    }
}

/* The copies are exactly as long as the packet, so the address sanitizer sees every byte read beyond its end. */
TEST(Tunnel, CutAnywhereItIsOneOfItsFlowsAndNeverMalformedByItsPayload)
{
    for (const Tunneled &row : tunneled_packets()) {
        SCOPED_TRACE(row.what);
        const fg_packet whole = parse(row.packet.bytes(), true);
        bool inner_before = false;
        for (std::size_t length = 0; length <= row.packet.bytes().size(); length++) {
            const fg_packet packet = parse(cut(row.packet, length), true);
            const bool inner = (packet.key.flags & FG_KEY_TUNNELED) != 0;
            EXPECT_GE(inner, inner_before) << length;
            EXPECT_TRUE(inner || same_key(packet, parse(cut(row.packet, length), false))) << length;
            EXPECT_TRUE(!inner || packet.key.kind <= FG_KIND_IPV6) << length;
            inner_before = inner;
        }
        EXPECT_TRUE(inner_before);
        /* From the ports on, TCP's other fields may be missing. */
        const fg_packet ports = parse(cut(row.packet, row.packet.bytes().size() - 16), true);
        EXPECT_TRUE(same_key(ports, whole));
    }
}

TEST(Tunnel, AFlowOutsideIsAnotherOneThanTheSameInside)
{
    const fg_packet outside = parse(with_v4(Packet().ethernet(0x0800)).bytes(), true);
    const fg_packet inside = parse(with_v4(v4_sample(4)).bytes(), true);
    EXPECT_EQ(source(outside), source(inside));
    EXPECT_FALSE(same_key(outside, inside));
}

TEST(Tunnel, FragmentsInsideHaveNoPorts)
{
    const Packet packet =
        v4_sample(4).ipv4(inner_v4_source, inner_v4_destination, 17, {.fragment_offset = 9}).udp(1, 2);
    const fg_packet parsed = parse(packet.bytes(), true);
    EXPECT_EQ(parsed.key.flags, FG_KEY_TUNNELED | FG_KEY_FRAGMENT);
    EXPECT_EQ(parsed.key.sport, 0);
}

TEST(Tunnel, NeedsNoLinkHeaderOutside)
{
    const Packet packet = with_v6(Packet().ipv4("10.0.0.1", "10.0.0.2", 41));
    EXPECT_EQ(source(parse(packet.bytes(), true, FG_LINK_RAW_IP)), inner_v6_source);
}

/* Who sends a packet chooses its headers: what is too deep is not followed. */
TEST(Tunnel, IsNotLookedForBehindTooLongHeaders)
{
    Packet packet = v6_sample(60);
    packet.extension(4, 200);
    EXPECT_EQ(parse(with_v4(packet).bytes(), true).key.flags, 0);
}

} // namespace
} // namespace flowguard::test
