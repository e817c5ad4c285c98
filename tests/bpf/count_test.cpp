// SPDX-License-Identifier: Apache-2.0
/* Counting and verdicts. */
#include "datapath.h"

#include <linux/bpf.h>

#include <sched.h>

namespace flowguard::test {
namespace {

Packet udp(std::uint16_t port, const char *from = "10.0.0.1", const char *to = "10.0.0.2")
{
    return Packet().ethernet(0x0800).ipv4(from, to, 17).udp(port, 53).zeros(18);
}

TEST_F(DatapathTest, AddsUpOneFlow)
{
    load();
    const auto tcp = [](std::uint8_t flags, unsigned payload) {
        return Packet()
            .ethernet(0x0800)
            .ipv4("10.0.0.1", "10.0.0.2", 6, {.ttl = 57})
            .tcp(1000, 80, flags)
            .zeros(payload);
    };
    run_xdp(tcp(0x02, 6));
    run_xdp(tcp(0x10, 946));
    run_xdp(tcp(0x11, 6));
    const fg_flow_record record = only();
    EXPECT_EQ(record.packets, 3U);
    EXPECT_EQ(record.bytes, 60U + 1000 + 60);
    EXPECT_EQ(record.tcp_flags, 0x13);
    EXPECT_EQ(record.tcp.syn, 1U);
    EXPECT_EQ(record.tcp.syn_ack, 0U);
    EXPECT_EQ(record.tcp.fin, 1U);
    EXPECT_EQ(record.tcp.rst, 0U);
    EXPECT_EQ(record.min_length, 60U);
    EXPECT_EQ(record.max_length, 1000U);
    EXPECT_EQ(record.ttl, 57);
    EXPECT_EQ(record.dropped_packets, 0U);
    EXPECT_TRUE(drain().empty()) << "an epoch that was read is cleared";
}

TEST_F(DatapathTest, KeepsTheLedgerOverEpochs)
{
    load();
    for (int epoch = 0; epoch < 5; epoch++) {
        run_xdp(udp(1000), 10);
        run_egress(udp(1000), 3);
        run_xdp(Packet().ethernet(0x0806).zeros(46), 2);
        drain();
    }
    const fg_ledger_entry &rx = drain_->ledger(3, FG_RX);
    EXPECT_EQ(rx.total.packets, 60U);
    EXPECT_EQ(rx.total.bytes, 60U * 60);
    EXPECT_EQ(rx.flows.packets, 50U);
    EXPECT_EQ(rx.non_ip.packets, 10U);
    EXPECT_EQ(drain_->ledger(3, FG_TX).flows.packets, 15U);
}

/// Keeps this thread on the CPU that it is on: between two packets of one call the kernel may else move it to another.
class OneCpu {
  public:
    OneCpu()
    {
        sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
        EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    }
    ~OneCpu() { sched_setaffinity(0, sizeof before_, &before_); }
    OneCpu(const OneCpu &) = delete;
    OneCpu &operator=(const OneCpu &) = delete;

  private:
    cpu_set_t before_{};
};

TEST_F(DatapathTest, AFullTableIsOverflowToThePacket)
{
    const OneCpu here;
    load(FG_MIN_CAPACITY);
    constexpr unsigned flows = 1000;
    for (unsigned port = 1; port <= flows; port++)
        run_xdp(udp(static_cast<std::uint16_t>(port)), 2);
    const std::size_t kept = drain().size();
    const fg_ledger_entry &rx = drain_->ledger(3, FG_RX);
    EXPECT_GT(kept, FG_MIN_CAPACITY / 2) << "the index gives up long before the records are used";
    EXPECT_LE(kept, FG_MIN_CAPACITY);
    EXPECT_EQ(rx.total.packets, 2U * flows);
    EXPECT_EQ(rx.flows.packets, 2U * kept);
    EXPECT_EQ(rx.flows.packets + rx.overflow[FG_OVERFLOW_RECORDS_FULL].packets +
                  rx.overflow[FG_OVERFLOW_INDEX_FULL].packets + rx.overflow[FG_OVERFLOW_NOT_ADMITTED].packets,
              rx.total.packets);
}

/* Four epochs: each half is used again after it was cleared as a whole. */
TEST_F(DatapathTest, ManyFlowsEachFindTheirRecord)
{
    load(16384);
    constexpr unsigned flows = 8000;
    for (int epoch = 0; epoch < 4; epoch++) {
        for (int round = 0; round < 2; round++)
            for (unsigned port = 1; port <= flows; port++)
                run_xdp(udp(static_cast<std::uint16_t>(port)));
        const auto seen = drain();
        std::uint64_t packets = 0;
        for (const Seen &each : seen)
            packets += each.record.packets;
        EXPECT_EQ(packets, 2U * flows);
        EXPECT_GE(seen.size(), flows) << "more than one if this thread has changed the CPU";
    }
    for (const fg_volume &reason : drain_->ledger(3, FG_RX).overflow)
        EXPECT_EQ(reason.packets, 0U);
}

/* 3 segments of 1000 bytes behind headers of 54: 3 frames on the wire, of 1054 bytes each. */
TEST_F(DatapathTest, ASegmentedPacketCountsAsItsFrames)
{
    load();
    const Packet packet = Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", 6).tcp(1000, 80, 0x10).zeros(3000);
    __sk_buff context{};
    context.gso_segs = 3;
    context.gso_size = 1000;
    run_tc_ingress(packet, context);
    EXPECT_EQ(only().bytes, 3U * 1054);
    context.wire_len = 3 * 1054;
    run_egress(packet, context);
    const fg_flow_record record = only();
    EXPECT_EQ(record.packets, 3U);
    EXPECT_EQ(record.bytes, 3U * 1054);
    EXPECT_EQ(record.max_length, 1054U);
    EXPECT_EQ(drain_->ledger(3, FG_TX).total.packets, 3U);
}

class BlockTest : public DatapathTest {};

TEST_F(BlockTest, DropsTheSourceWhateverTheProtocol)
{
    load();
    block("192.0.2.7", FG_BLOCK_IN);
    block("2001:db8::7", FG_BLOCK_IN);
    const auto v4 = [](std::uint8_t proto, Packet::V4 with = {}) {
        return Packet().ethernet(0x0800).ipv4("192.0.2.7", "10.0.0.2", proto, with);
    };
    const auto v6 = [](std::uint8_t next) { return Packet().ethernet(0x86dd).ipv6("2001:db8::7", "fd00::2", next); };
    const std::vector<std::pair<const char *, Packet>> packets{
        {"TCP", v4(6).tcp(1, 2, 2)},
        {"UDP", v4(17).udp(1, 2)},
        {"ICMP", v4(1).icmp(8, 0)},
        {"ESP", v4(50).zeros(8)},
        {"later fragment", v4(17, {.fragment_offset = 9}).zeros(8)},
        {"options", v4(6, {.option_words = 3}).tcp(1, 2, 2)},
        {"cut off after the addresses", v4(6)},
        {"VLAN", Packet().ethernet(0x8100).vlan(9, 0x0800).ipv4("192.0.2.7", "10.0.0.2", 17).udp(1, 2)},
        {"IPv6 UDP", v6(17).udp(1, 2)},
        {"IPv6 extension headers", v6(0).extension(60).extension(6).tcp(1, 2, 2)},
        {"IPv6 later fragment", v6(44).fragment(17, 7).zeros(8)},
        {"ICMPv6", v6(58).icmp(128, 0)},
    };
    for (const auto &[what, packet] : packets) {
        SCOPED_TRACE(what);
        EXPECT_EQ(run_xdp(packet), XDP_DROP);
        const fg_flow_record record = only();
        EXPECT_EQ(record.dropped_packets, 1U);
        EXPECT_EQ(record.dropped_bytes, packet.bytes().size());
    }
    EXPECT_EQ(drain_->ledger(3, FG_RX).dropped.packets, packets.size());
    EXPECT_EQ(run_xdp(udp(1, "192.0.2.8")), XDP_PASS) << "a neighbour of a blocked address";
    EXPECT_EQ(run_egress(udp(1, "10.0.0.2", "192.0.2.7")), tc_go_on) << "blocked inwards only";
}

TEST_F(BlockTest, DropsTheDestinationOnEgress)
{
    load();
    block("192.0.2.7", FG_BLOCK_OUT);
    EXPECT_EQ(run_egress(udp(1, "10.0.0.2", "192.0.2.7")), tc_drop);
    EXPECT_EQ(run_xdp(udp(1, "192.0.2.7")), XDP_PASS);
    EXPECT_EQ(drain_->ledger(3, FG_TX).dropped.packets, 0U);
    drain();
    EXPECT_EQ(drain_->ledger(3, FG_TX).dropped.packets, 1U);
}

TEST_F(BlockTest, TheKernelExpiresByItself)
{
    load();
    block("192.0.2.7", FG_BLOCK_IN, std::chrono::seconds(1));
    EXPECT_EQ(run_xdp(udp(1, "192.0.2.7")), XDP_DROP);
    usleep(1'100'000);
    EXPECT_EQ(run_xdp(udp(1, "192.0.2.7")), XDP_PASS);
}

TEST_F(BlockTest, CountsHitsAndSaysWhatChanged)
{
    load();
    Blocklist blocks(*maps_);
    const BlockRequest request{.target = IpAddress::parse("192.0.2.7").value(),
                               .directions = FG_BLOCK_IN,
                               .lifetime = {},
                               .reason = "scan",
                               .uid = 7};
    EXPECT_TRUE(blocks.add(request, boot_time_ns(), 1)->changed);
    EXPECT_FALSE(blocks.add(request, boot_time_ns(), 2)->changed);
    run_xdp(udp(1, "192.0.2.7"), 5);
    const auto list = blocks.list(boot_time_ns());
    ASSERT_EQ(list->size(), 1U);
    EXPECT_EQ(list->front().entry.packets, 5U);
    EXPECT_EQ(list->front().entry.bytes, 300U);
    EXPECT_STREQ(list->front().entry.reason, "scan");
    EXPECT_TRUE(blocks.remove(std::to_string(list->front().entry.id), boot_time_ns())->changed);
    EXPECT_FALSE(blocks.remove("192.0.2.7", boot_time_ns())->changed);
    EXPECT_EQ(run_xdp(udp(1, "192.0.2.7")), XDP_PASS);
}

/* Law 1 over a crash: whatever the moment, the next drain neither loses nor counts twice. */
TEST_F(DatapathTest, ASuccessorFinishesWhatAPredecessorBegan)
{
    load();
    run_xdp(udp(1000), 10);
    drain();
    run_xdp(udp(1000), 7);
    /* Died between ending the epoch and committing it. */
    maps_->control().epoch++;
    run_xdp(udp(1000), 3);
    Drain successor(*maps_);
    std::uint64_t seen = 0;
    const auto visit = [&](const fg_flow_record &record, fg_direction) { seen += record.packets; };
    ASSERT_TRUE(successor.recover(visit));
    EXPECT_EQ(seen, 7U);
    ASSERT_TRUE(successor.run(visit));
    EXPECT_EQ(seen, 10U);
    EXPECT_EQ(successor.ledger(3, FG_RX).total.packets, 20U);
    EXPECT_EQ(successor.ledger(3, FG_RX).flows.packets, 20U);
    run_xdp(udp(1000), 1);
    ASSERT_TRUE(successor.run(visit));
    EXPECT_EQ(successor.ledger(3, FG_RX).total.packets, 21U);
}

} // namespace
} // namespace flowguard::test
