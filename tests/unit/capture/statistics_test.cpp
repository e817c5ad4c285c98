// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/packet_table.h"
#include "flowguard/capture/statistics.h"
#include "flowguard/capture/timeline.h"

#include <gtest/gtest.h>

#include <map>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;

struct Weight {
    Volume volume;
};

TEST(Sums, ForgetsTheLightOnesAndSaysSo)
{
    Sums<std::uint32_t, Weight> sums(100);
    for (std::uint32_t key = 0; key < 1000; key++)
        sums.at(key).volume.bytes += key % 10 == 0 ? 1000 + key : 1;
    EXPECT_LE(sums.size(), 100U);
    EXPECT_EQ(sums.size() + sums.forgotten(), 1000U);
    const auto rows = sums.rows();
    EXPECT_EQ(rows[0].first, 990U);
    EXPECT_TRUE(std::ranges::is_sorted(rows, std::greater{}, [](const auto &row) { return row.second->volume.bytes; }));
}

TEST(Sums, AHeavyOneSurvivesWhateverComesAfter)
{
    Sums<std::uint32_t, Weight> sums(100);
    for (std::uint32_t key = 1; key < 10'000; key++) {
        sums.at(0).volume.bytes += 10;
        sums.at(key).volume.bytes += 1;
    }
    EXPECT_EQ(sums.rows()[0].second->volume.bytes, 99'990U);
}

TEST(Timeline, StepsGrowAndLoseNothing)
{
    Timeline timeline;
    for (int i = 0; i < 100'000; i++)
        timeline.add_packet(second + i * 10'000'000LL, 100); /* 1,000 s */
    timeline.add_flow(second / 2);
    timeline.add_flow(1000 * second);
    std::uint64_t packets = 0;
    for (const auto &step : timeline.steps())
        packets += step.volume.packets;
    EXPECT_EQ(packets, 100'000U);
    EXPECT_EQ(timeline.step_length(), 4 * second);
    EXPECT_EQ(timeline.steps().size(), 250U);
    EXPECT_EQ(timeline.steps().front().new_flows, 1U);
    EXPECT_EQ(timeline.steps()[249].new_flows, 1U);
    EXPECT_EQ(timeline.steps()[100].volume, (Volume{400, 40'000}));
}

TEST(Timeline, FromOnePacketToCenturies)
{
    Timeline timeline;
    timeline.add_packet(1, 60);
    EXPECT_EQ(timeline.steps().size(), 1U);
    timeline.add_packet(9'000'000'000 * second, 60);
    EXPECT_LE(timeline.steps().size(), Timeline::most_steps);
    EXPECT_EQ(timeline.steps().back().volume.packets, 1U);
}

fg_packet packet(unsigned flow)
{
    fg_packet made{};
    made.key.kind = FG_KIND_IPV4;
    made.key.proto = FG_PROTO_TCP;
    made.key.src[12] = static_cast<std::uint8_t>(flow >> 16);
    made.key.sport = static_cast<std::uint16_t>(flow);
    made.tcp_flags = FG_TCP_SYN;
    return made;
}

TEST(PacketTable, CountsWhatAMapCounts)
{
    PacketTable table;
    std::map<std::pair<unsigned, unsigned>, Volume> expected;
    std::vector<std::pair<unsigned, unsigned>> order;
    for (int tick = 0; tick < 3; tick++) {
        expected.clear();
        order.clear();
        for (unsigned i = 0; i < 50'000; i++) {
            const unsigned flow = i * i % 70'001;
            const fg_packet made = packet(flow);
            table.add(made, 60 + i % 100, i);
            const std::pair key{static_cast<unsigned>(made.key.src[12]), static_cast<unsigned>(made.key.sport)};
            if (!expected.contains(key))
                order.push_back(key);
            expected[key] += {1, 60 + i % 100};
        }
        std::size_t number = 0;
        table.drain([&](const fg_flow_record &record, TimeNs first, TimeNs last) {
            const std::pair key{static_cast<unsigned>(record.key.src[12]), static_cast<unsigned>(record.key.sport)};
            ASSERT_EQ(key, order.at(number++));
            EXPECT_EQ((Volume{record.packets, record.bytes}), expected.at(key));
            EXPECT_EQ(record.tcp.syn, record.packets);
            EXPECT_LE(first, last);
        });
        EXPECT_EQ(number, expected.size());
    }
}

TEST(PacketTable, SaysWhenItIsFull)
{
    PacketTable table(1000);
    unsigned added = 0;
    for (; !table.full(); added++)
        table.add(packet(added), 60, 1);
    EXPECT_GE(added, 1000U);
    EXPECT_LT(added, 1100U) << "some wait to be counted together";
    std::size_t records = 0;
    table.drain([&](const fg_flow_record &, TimeNs, TimeNs) { records++; });
    EXPECT_EQ(records, added);
    EXPECT_FALSE(table.full());
}

TEST(ServicePort, IsTheServersOrTheWellKnownOne)
{
    Flow flow;
    flow.key = {.client = {}, .server = {}, .client_port = 50'000, .server_port = 443, .proto = FG_PROTO_TCP};
    EXPECT_EQ(service_port(flow), 443);
    std::swap(flow.key.client_port, flow.key.server_port);
    EXPECT_EQ(service_port(flow), 443) << "the capture began in the middle";
    flow.tcp_flags_to_server = FG_TCP_SYN;
    EXPECT_EQ(service_port(flow), 50'000) << "it began so";
    flow.key = {.client = {}, .server = {}, .client_port = 53, .server_port = 30'120, .proto = FG_PROTO_UDP};
    EXPECT_EQ(service_port(flow), 53) << "answers that nobody was seen to ask for";
}

} // namespace
} // namespace flowguard
