// SPDX-License-Identifier: Apache-2.0
/* Tunnels in the programs: the same key as in user space, whole weight, and policy on every header. */
#include "datapath.h"
#include "flow_sums.h"
#include "tunnel_packets.h"

#include <linux/bpf.h>

#include <array>

namespace flowguard::test {
namespace {

/// One more than the programs take off.
Packet three_levels()
{
    return with_v4(v4_sample(4).ipv4("172.16.0.1", "172.16.0.2", 4).ipv4("172.16.1.1", "172.16.1.2", 4));
}

std::vector<Packet> all_packets()
{
    std::vector<Packet> all;
    for (const Tunneled &row : tunneled_packets())
        all.push_back(row.packet);
    for (const NoTunnel &row : packets_without_tunnel())
        all.push_back(row.packet);
    all.push_back(three_levels());
    return all;
}

class TunnelTest : public DatapathTest {
  protected:
    void SetUp() override
    {
        DatapathTest::SetUp();
        stay_on_this_cpu();
    }

    /// Cut at every length from `shortest` on, by the programs and by user space. PROG_TEST_RUN takes no frame that is
    /// shorter than an Ethernet header and, for a socket buffer, than its IP header.
    template <class Run>
    void expect_same_at_every_length(const Packet &packet, bool tunnels, std::size_t shortest, Run run)
    {
        FlowSums expected;
        for (std::size_t length = shortest; length <= packet.bytes().size(); length++) {
            const fg_packet parsed = parse_frame(cut(packet, length), FG_LINK_ETHERNET, slot, tunnels);
            expected[parsed.key].add(parsed, static_cast<std::uint32_t>(length), 0);
            run(Packet(packet).cut_to(length));
        }
        FlowSums counted;
        for (const Seen &seen : drain())
            counted.emplace(seen.record.key, FlowSum::of(seen.record));
        for (const std::string &difference : differences(counted, expected))
            ADD_FAILURE() << difference;
    }

    std::uint64_t hits(const char *address)
    {
        const auto list = Blocklist(*maps_).list(boot_time_ns());
        for (const Block &block : *list)
            if (block.target == IpAddress::parse(address).value())
                return block.entry.packets;
        return 0;
    }
};

TEST_F(TunnelTest, XdpAgreesWithUserSpaceWhereverAPacketIsCut)
{
    for (const bool tunnels : {true, false}) {
        load(1024, FG_LINK_ETHERNET, tunnels);
        for (const Packet &packet : all_packets())
            expect_same_at_every_length(packet, tunnels, 14, [this](const Packet &cut) { run_xdp(cut); });
        TearDown();
        SetUp();
    }
}

TEST_F(TunnelTest, TcAgreesWithUserSpaceWhereverAPacketIsCut)
{
    load(1024, FG_LINK_ETHERNET, true);
    for (const Packet &packet : all_packets()) {
        expect_same_at_every_length(packet, true, 14 + 40, [this](const Packet &cut) { run_egress(cut); });
        expect_same_at_every_length(packet, true, 14 + 40,
                                    [this](const Packet &cut) { run_tc_ingress(cut, __sk_buff{}); });
    }
}

TEST_F(TunnelTest, IsCountedOnceWithTheWholeFrame)
{
    load(1024, FG_LINK_ETHERNET, true);
    for (const Tunneled &row : tunneled_packets()) {
        SCOPED_TRACE(row.what);
        EXPECT_EQ(run_xdp(row.packet), XDP_PASS);
        const fg_flow_record record = only();
        EXPECT_EQ(record.key.flags, FG_KEY_TUNNELED);
        EXPECT_EQ(IpAddress(record.key.src).to_string(), row.v6_inside ? inner_v6_source : inner_v4_source);
        EXPECT_EQ(record.packets, 1U);
        EXPECT_EQ(record.bytes, row.packet.bytes().size());
        EXPECT_EQ(record.tcp.syn, 1U);
    }
    const fg_ledger_entry &rx = drain_->ledger(slot, FG_RX);
    EXPECT_EQ(rx.flows.packets, tunneled_packets().size());
    EXPECT_EQ(rx.flows.bytes, rx.total.bytes);
    EXPECT_EQ(rx.non_ip.packets, 0U) << "PPPoE too";
}

TEST_F(TunnelTest, EndsAfterTwoLevels)
{
    load(1024, FG_LINK_ETHERNET, true);
    run_xdp(three_levels());
    run_egress(three_levels());
    for (const Seen &seen : drain()) {
        EXPECT_EQ(IpAddress(seen.record.key.src).to_string(), "172.16.1.1");
        EXPECT_EQ(seen.record.key.proto, FG_PROTO_IPV4_INSIDE);
        EXPECT_EQ(seen.record.key.flags, FG_KEY_TUNNELED);
    }
    EXPECT_EQ(drain_->ledger(slot, FG_RX).flows.packets + drain_->ledger(slot, FG_TX).flows.packets, 2U);
}

/* 3 segments of 1000 bytes: each had all the headers, outer and inner. */
TEST_F(TunnelTest, WhatGroMergedHadAllHeadersEach)
{
    load(1024, FG_LINK_ETHERNET, true);
    Packet packet = with_v4(v4_sample(17).udp(55555, 4789).vxlan().ethernet(0x0800));
    const std::size_t headers = packet.bytes().size();
    packet.zeros(3000);
    __sk_buff context{};
    context.gso_segs = 3;
    context.gso_size = 1000;
    run_tc_ingress(packet, context);
    EXPECT_EQ(only().bytes, 3 * (headers + 1000));
}

TEST_F(TunnelTest, ABlockHitsWhicheverHeaderHasTheAddress)
{
    load(1024, FG_LINK_ETHERNET, true);
    const Packet nested = with_v4(
        v4_sample(4).ipv4("172.16.0.1", "172.16.0.2", 17).udp(55555, 4789).vxlan().ethernet(0x0800));
    const std::array ends{std::pair("10.0.0.1", "10.0.0.2"), std::pair("172.16.0.1", "172.16.0.2"),
                          std::pair(inner_v4_source, inner_v4_destination)};
    for (const auto &[from, to] : ends) {
        SCOPED_TRACE(from);
        EXPECT_EQ(run_xdp(nested), XDP_PASS);
        drain();
        block(from, FG_BLOCK_IN);
        block(to, FG_BLOCK_OUT);
        EXPECT_EQ(run_xdp(nested), XDP_DROP);
        EXPECT_EQ(run_egress(nested), tc_drop);
        for (const Seen &seen : drain()) {
            EXPECT_EQ(IpAddress(seen.record.key.src).to_string(), inner_v4_source) << "counted as the inner flow";
            EXPECT_EQ(seen.record.dropped_packets, 1U);
            EXPECT_EQ(seen.record.dropped_bytes, nested.bytes().size());
        }
        EXPECT_EQ(hits(from), 1U);
        EXPECT_EQ(hits(to), 1U);
        for (const char *address : {from, to})
            ASSERT_TRUE(Blocklist(*maps_).remove(address, boot_time_ns()));
    }
    block(inner_v4_destination, FG_BLOCK_IN);
    block(inner_v4_source, FG_BLOCK_OUT);
    EXPECT_EQ(run_xdp(nested), XDP_PASS) << "blocked in the other direction only";
    EXPECT_EQ(run_egress(nested), tc_go_on);
}

TEST_F(TunnelTest, APacketCountsOnOneBlockOnly)
{
    load(1024, FG_LINK_ETHERNET, true);
    block("10.0.0.1");
    block(inner_v4_source);
    EXPECT_EQ(run_xdp(with_v4(v4_sample(4))), XDP_DROP);
    EXPECT_EQ(hits("10.0.0.1"), 1U);
    EXPECT_EQ(hits(inner_v4_source), 0U);
    drain();
    EXPECT_EQ(drain_->ledger(slot, FG_RX).dropped.packets, 1U);
}

TEST_F(TunnelTest, WithoutTheSwitchTheOuterHeaderAloneDecides)
{
    load();
    block(inner_v4_source);
    EXPECT_EQ(run_xdp(with_v4(v4_sample(4))), XDP_PASS);
    EXPECT_EQ(only().key.proto, FG_PROTO_IPV4_INSIDE);
    block("10.0.0.1");
    EXPECT_EQ(run_xdp(with_v4(v4_sample(4))), XDP_DROP);
}

} // namespace
} // namespace flowguard::test
