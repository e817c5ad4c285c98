// SPDX-License-Identifier: Apache-2.0
/* What the programs make of each kind of packet: one table, one row per kind. */
#include "datapath.h"

#include <linux/bpf.h>

namespace flowguard::test {
namespace {

struct Row {
    const char *what;
    Packet packet;
    fg_kind kind;
    std::uint8_t proto;
    std::uint16_t sport, dport;
    std::uint8_t flags = 0;
    std::uint16_t vlan[2] = {0, 0};
};

// clang-format off: a row is read across
std::vector<Row> rows()
{
    const auto v4 = [](std::uint8_t proto, Packet::V4 with = {}) {
        return Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", proto, with);
    };
    const auto v6 = [](std::uint8_t next) { return Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", next); };
    return {
        {"TCP", v4(6).tcp(1000, 80, 0x02), FG_KIND_IPV4, 6, 1000, 80},
        {"UDP", v4(17).udp(5353, 53), FG_KIND_IPV4, 17, 5353, 53},
        {"SCTP", v4(132).udp(7, 9), FG_KIND_IPV4, 132, 7, 9},
        {"ICMP echo", v4(1).icmp(8, 0), FG_KIND_IPV4, 1, 8, 0},
        {"ESP has no ports", v4(50).zeros(20), FG_KIND_IPV4, 50, 0, 0},
        {"IPv4 options", v4(17, {.option_words = 10}).udp(1, 2), FG_KIND_IPV4, 17, 1, 2},
        {"later fragment", v4(17, {.fragment_offset = 185}).udp(1, 2), FG_KIND_IPV4, 17, 0, 0, FG_KEY_FRAGMENT},
        {"first fragment", v4(17, {.fragment_offset = 0x2000}).udp(1, 2), FG_KIND_IPV4, 17, 1, 2},
        {"TCP cut before the ports", v4(6).zeros(3), FG_KIND_IPV4, 6, 0, 0, FG_KEY_TRUNCATED},
        {"TCP cut after the ports", v4(6).zeros(8), FG_KIND_IPV4, 6, 0, 0},
        {"VLAN",
         Packet().ethernet(0x8100).vlan(100, 0x0800).ipv4("10.0.0.1", "10.0.0.2", 17).udp(1, 2),
         FG_KIND_IPV4,
         17,
         1,
         2,
         0,
         {100, 0}},
        {"QinQ",
         Packet().ethernet(0x88a8).vlan(5, 0x8100).vlan(100, 0x86dd).ipv6("fd00::1", "fd00::2", 17).udp(1, 2),
         FG_KIND_IPV6,
         17,
         1,
         2,
         0,
         {5, 100}},
        {"three tags",
         Packet().ethernet(0x88a8).vlan(5, 0x8100).vlan(6, 0x8100).vlan(7, 0x0800).zeros(20),
         FG_KIND_NON_IP,
         0,
         0x8100,
         0,
         0,
         {5, 6}},
        {"IPv6 TCP", v6(6).tcp(1000, 80, 0x02), FG_KIND_IPV6, 6, 1000, 80},
        {"ICMPv6", v6(58).icmp(128, 0), FG_KIND_IPV6, 58, 128, 0},
        {"IPv6 extension chain", v6(0).extension(60).extension(43, 2).extension(17).udp(1, 2), FG_KIND_IPV6, 17, 1, 2},
        {"IPv6 first fragment", v6(44).fragment(17, 0).udp(1, 2), FG_KIND_IPV6, 17, 1, 2},
        {"IPv6 later fragment", v6(44).fragment(17, 100).udp(1, 2), FG_KIND_IPV6, 17, 0, 0, FG_KEY_FRAGMENT},
        {"IPv6 chain cut off", v6(0).extension(60).cut_to(14 + 40 + 8 + 4), FG_KIND_IPV6, 60, 0, 0, FG_KEY_TRUNCATED},
        {"ARP", Packet().ethernet(0x0806).zeros(28), FG_KIND_NON_IP, 0, 0x0806, 0},
        {"802.3 length", Packet().ethernet(38).zeros(38), FG_KIND_NON_IP, 0, 0x0004, 0},
        {"IPv4 of version 5", v4(17, {.version_and_length = 0x55}).udp(1, 2), FG_KIND_MALFORMED, 0, 0x0800, 0},
        {"IPv4 header of 16 bytes", v4(17, {.version_and_length = 0x44}).udp(1, 2), FG_KIND_MALFORMED, 0, 0x0800, 0},
        {"IPv4 cut off", v4(17).cut_to(33), FG_KIND_MALFORMED, 0, 0x0800, 0},
        {"IPv6 cut off", v6(17).cut_to(53), FG_KIND_MALFORMED, 0, 0x86dd, 0},
    };
}

// clang-format on
void expect_key(const fg_flow_record &record, const Row &row)
{
    EXPECT_EQ(record.key.kind, row.kind);
    EXPECT_EQ(record.key.proto, row.proto);
    EXPECT_EQ(record.key.sport, row.sport);
    EXPECT_EQ(record.key.dport, row.dport);
    EXPECT_EQ(record.key.flags, row.flags);
    EXPECT_EQ(record.key.vlan[0], row.vlan[0]);
    EXPECT_EQ(record.key.vlan[1], row.vlan[1]);
    EXPECT_EQ(record.key.slot, 3);
    EXPECT_EQ(record.packets, 1U);
    EXPECT_EQ(record.bytes, row.packet.bytes().size());
    if (row.kind == FG_KIND_IPV4 || row.kind == FG_KIND_IPV6) {
        EXPECT_EQ(IpAddress(record.key.src).to_string(), row.kind == FG_KIND_IPV4 ? "10.0.0.1" : "fd00::1");
        EXPECT_EQ(IpAddress(record.key.dst).to_string(), row.kind == FG_KIND_IPV4 ? "10.0.0.2" : "fd00::2");
    }
}

/// PROG_TEST_RUN makes no socket buffer of a frame that ends within the IP header; XDP covers these rows.
bool fits_socket_buffer(const Row &row)
{
    const std::size_t header = row.sport == 0x0800 ? 20 : 40;
    return row.kind != FG_KIND_MALFORMED || row.packet.bytes().size() >= 14 + header;
}

TEST_F(DatapathTest, XdpReadsEveryKindOfPacket)
{
    load();
    for (const Row &row : rows()) {
        SCOPED_TRACE(row.what);
        EXPECT_EQ(run_xdp(row.packet), XDP_PASS);
        expect_key(only(), row);
    }
}

TEST_F(DatapathTest, EgressReadsEveryKindOfPacket)
{
    load();
    for (const Row &row : rows()) {
        SCOPED_TRACE(row.what);
        if (!fits_socket_buffer(row))
            continue;
        EXPECT_EQ(run_egress(row.packet), -1);
        expect_key(only(), row);
    }
}

TEST_F(DatapathTest, DevicesWithoutEthernetHeader)
{
    load(1024, FG_LINK_RAW_IP);
    run_xdp(Packet().ipv4("10.0.0.1", "10.0.0.2", 17).udp(1, 2));
    expect_key(only(), {"v4", Packet().zeros(28), FG_KIND_IPV4, 17, 1, 2});
    run_xdp(Packet().ipv6("fd00::1", "fd00::2", 6).tcp(3, 4, 0x10));
    expect_key(only(), {"v6", Packet().zeros(60), FG_KIND_IPV6, 6, 3, 4});
}

} // namespace
} // namespace flowguard::test
