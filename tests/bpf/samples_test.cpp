// SPDX-License-Identifier: Apache-2.0
/* What programs copy of DNS datagrams, and how much of it. */
#include "datapath.h"
#include "flow_sums.h"

#include "flowguard/kernel/samples.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace flowguard::test {
namespace {

std::vector<std::uint8_t> message(std::size_t length)
{
    std::vector<std::uint8_t> bytes(length);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    return bytes;
}

Packet query(std::size_t length)
{
    return Packet().ethernet(0x0800).ipv4("192.0.2.1", "192.0.2.53", 17).udp(40000, 53).raw(message(length));
}

class SamplesTest : public DatapathTest {
  protected:
    struct Sampled {
        fg_flow_key key{};
        std::vector<std::uint8_t> payload;
        std::uint64_t time = 0;
    };

    void load_all(bool tunnels = false, fg_link link = FG_LINK_ETHERNET)
    {
        load(1024, link, tunnels);
        auto reader = SampleReader::open(*maps_);
        ASSERT_TRUE(reader) << reader.error().message;
        reader_.emplace(std::move(*reader));
    }
    std::vector<Sampled> samples()
    {
        std::vector<Sampled> list;
        reader_->read([&list](const fg_sample &sample) {
            ASSERT_GE(sample.captured, FG_UDP_HEADER);
            list.push_back({.key = sample.key,
                            .payload = {sample.datagram + FG_UDP_HEADER, sample.datagram + sample.captured},
                            .time = sample.time});
        });
        return list;
    }
    void expect_one(std::uint16_t source, std::uint16_t target, const std::vector<std::uint8_t> &payload)
    {
        const auto list = samples();
        ASSERT_EQ(list.size(), 1U);
        EXPECT_EQ(list[0].key.sport, source);
        EXPECT_EQ(list[0].key.dport, target);
        EXPECT_EQ(list[0].key.slot, slot);
        EXPECT_EQ(list[0].payload, payload);
        EXPECT_NE(list[0].time, 0U);
    }
    std::uint64_t not_sampled(fg_direction direction) { return drain_->ledger(slot, direction).not_sampled; }

    std::optional<SampleReader> reader_;
};

TEST_F(SamplesTest, AQueryComesOutWhole)
{
    load_all();
    ASSERT_EQ(run_xdp(query(40)), XDP_PASS);
    expect_one(40000, 53, message(40));
    ASSERT_EQ(run_egress(query(41)), tc_go_on);
    expect_one(40000, 53, message(41));
    ASSERT_EQ(run_tc_ingress(query(42), {}), tc_go_on);
    expect_one(40000, 53, message(42));
}

TEST_F(SamplesTest, AnswersAreKnownByTheirSourcePort)
{
    load_all();
    run_xdp(Packet().ethernet(0x0800).ipv4("192.0.2.53", "192.0.2.1", 17).udp(53, 40000).raw(message(90)));
    expect_one(53, 40000, message(90));
}

TEST_F(SamplesTest, Ipv6AndTagsAndTunnels)
{
    load_all(true);
    run_xdp(Packet().ethernet(0x86dd).ipv6("2001:db8::1", "2001:db8::53", 17).udp(40000, 53).raw(message(33)));
    expect_one(40000, 53, message(33));
    run_egress(Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", 60).extension(17, 2).udp(1, 53).raw(message(20)));
    expect_one(1, 53, message(20));
    const auto tagged = Packet()
                            .ethernet(0x88a8)
                            .vlan(5, 0x8100)
                            .vlan(6, 0x0800)
                            .ipv4("192.0.2.1", "192.0.2.53", 17, {.option_words = 3})
                            .udp(40000, 53)
                            .raw(message(34));
    run_xdp(tagged);
    expect_one(40000, 53, message(34));
    run_xdp(Packet()
                .ethernet(0x0800)
                .ipv4("198.51.100.1", "198.51.100.2", 47)
                .gre(0x0800)
                .ipv4("192.0.2.1", "192.0.2.53", 17)
                .udp(40000, 53)
                .raw(message(35)));
    expect_one(40000, 53, message(35));
}

TEST_F(SamplesTest, FramesWithoutEthernetHeader)
{
    load_all(false, FG_LINK_RAW_IP);
    run_xdp(Packet().ipv4("192.0.2.1", "192.0.2.53", 17).udp(40000, 53).raw(message(30)));
    expect_one(40000, 53, message(30));
}

TEST_F(SamplesTest, LongMessagesAreCutAndKeepTheirLength)
{
    load_all();
    const std::vector<std::uint8_t> whole = message(5000); /* longer than the first buffer of XDP, too */
    const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + FG_SAMPLE_PAYLOAD);
    for (const std::size_t length :
         {std::size_t{FG_SAMPLE_PAYLOAD}, std::size_t{FG_SAMPLE_PAYLOAD} + 1, whole.size()}) {
        run_xdp(query(length));
        expect_one(40000, 53, cut);
    }
}

TEST_F(SamplesTest, NothingElseIsCopied)
{
    load_all();
    const auto v4 = [](std::uint8_t proto, Packet::V4 with = {}) {
        return Packet().ethernet(0x0800).ipv4("192.0.2.1", "192.0.2.53", proto, with);
    };
    run_xdp(v4(17).udp(40000, 5353).raw(message(40)));
    run_xdp(v4(6).tcp(40000, 53, 0x18).raw(message(40)));
    run_xdp(v4(17, {.fragment_offset = 100}).udp(40000, 53).raw(message(40)));
    run_xdp(v4(1).icmp(0, 53).raw(message(40)));
    run_xdp(query(0));
    EXPECT_TRUE(samples().empty());
    block("192.0.2.1");
    EXPECT_EQ(run_xdp(query(40)), XDP_DROP);
    EXPECT_TRUE(samples().empty()) << "what is dropped carries nothing";
}

TEST_F(SamplesTest, CutFramesOfEveryLength)
{
    load_all();
    const Packet whole = query(30);
    const std::size_t headers = whole.bytes().size() - 30;
    for (std::size_t length = shortest_run; length <= whole.bytes().size(); length++) {
        SCOPED_TRACE(length);
        EXPECT_EQ(run_xdp(Packet(whole).cut_to(length)), XDP_PASS);
        const auto list = samples();
        ASSERT_EQ(list.size(), length > headers ? 1U : 0U);
        for (const Sampled &each : list)
            EXPECT_EQ(each.payload.size(), length - headers);
    }
}

/* All runs on one CPU, or budgets of several would add up. */
TEST_F(SamplesTest, TheBudgetIsOfOneDirectionAndTick)
{
    stay_on_this_cpu();
    load_all();
    run_xdp(query(40), FG_SAMPLE_BUDGET + 100);
    run_egress(query(40), 10);
    EXPECT_EQ(samples().size(), FG_SAMPLE_BUDGET + 10);
    drain();
    EXPECT_EQ(not_sampled(FG_RX), 100U);
    EXPECT_EQ(not_sampled(FG_TX), 0U);
    run_xdp(query(40), 3);
    EXPECT_EQ(samples().size(), 3U) << "the next tick has a budget of its own";
    run_xdp(query(40), FG_SAMPLE_BUDGET);
    drain();
    EXPECT_EQ(not_sampled(FG_RX), 103U);
}

TEST_F(SamplesTest, AFullRingIsCounted)
{
    stay_on_this_cpu();
    load_all();
    std::uint64_t sent = 0;
    for (int tick = 0; tick < 8; tick++, drain()) {
        run_xdp(query(40), FG_SAMPLE_BUDGET);
        sent += FG_SAMPLE_BUDGET;
    }
    const std::uint64_t lost = drain_->ledger(slot, FG_RX).samples_lost;
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(samples().size() + lost, sent);
    run_xdp(query(40));
    EXPECT_EQ(samples().size(), 1U);
}

} // namespace
} // namespace flowguard::test
