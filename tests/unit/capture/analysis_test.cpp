// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/analysis.h"

#include "files.h"

#include <gtest/gtest.h>

#include <chrono>

namespace flowguard::test {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs start = 1'700'000'000 * second;

/// UDP over raw IP.
Bytes datagram(std::uint32_t from, std::uint32_t to, unsigned sport, unsigned dport)
{
    return File(true)
        .u8(0x45)
        .u8(0)
        .u16(28)
        .u32(0)
        .u8(64)
        .u8(17)
        .u16(0)
        .u32(from)
        .u32(to)
        .u16(sport)
        .u16(dport)
        .u16(8)
        .u16(0)
        .bytes;
}

class Fed {
  public:
    explicit Fed(bool with_flows = false)
        : analysis({.detection = {},
                    .locality = {},
                    .on_flow = with_flows ? std::function<void(const Flow &)>(
                                                [this](const Flow &flow) { flows.push_back(flow); })
                                          : nullptr})
    {
    }
    void send(std::optional<TimeNs> time, std::uint32_t from, std::uint32_t to, unsigned sport = 1000,
              unsigned dport = 53)
    {
        const Bytes frame = datagram(from, to, sport, dport);
        analysis.add({.time = time, .frame = frame, .length = 100, .link_type = 101});
    }
    Analysis analysis;
    std::vector<Flow> flows;
};

constexpr std::uint32_t ours = 0x0a000001;
constexpr std::uint32_t theirs = 0xc0000201;

TEST(Analysis, CountsAllOfIt)
{
    Fed fed(true);
    for (int i = 0; i < 100; i++)
        fed.send(start + i * second / 10, i % 2 ? theirs : ours, i % 2 ? ours : theirs, i % 2 ? 53 : 1000,
                 i % 2 ? 1000 : 53);
    fed.analysis.finish();
    EXPECT_EQ(fed.analysis.total(), (Volume{100, 10'000}));
    EXPECT_EQ(fed.analysis.cut_packets(), 100U);
    EXPECT_EQ(fed.analysis.first(), start);
    EXPECT_EQ(fed.analysis.last(), start + 99 * second / 10);
    EXPECT_EQ(fed.analysis.losses(), (std::map<std::string, std::uint64_t>{}));
    const auto conversations = fed.analysis.statistics().conversations();
    ASSERT_EQ(conversations.size(), 1U);
    EXPECT_EQ(conversations[0].second->volume, (Volume{100, 10'000}));
    EXPECT_EQ(conversations[0].second->from_a, (Volume{50, 5'000}));
    EXPECT_EQ(conversations[0].second->flows, 1U);
    const auto services = fed.analysis.statistics().services();
    ASSERT_EQ(services.size(), 1U);
    EXPECT_EQ(services[0].first, (ServicePort{17, 53}));
    EXPECT_EQ(services[0].second->clients.count(), 1U);
    ASSERT_EQ(fed.flows.size(), 1U);
    EXPECT_EQ(fed.flows[0].to_server, (Volume{50, 5'000}));
}

TEST(Analysis, TellsEachFlowOnceWhateverTheLimits)
{
    Fed fed(true);
    constexpr unsigned flows = 400'000; /* more than there is room for */
    for (unsigned i = 0; i < flows; i++)
        fed.send(start, ours + i, theirs); /* all in one moment */
    fed.analysis.finish();
    EXPECT_EQ(fed.flows.size(), flows);
    std::uint64_t packets = 0;
    for (const Flow &flow : fed.flows)
        packets += flow.to_server.packets;
    EXPECT_EQ(packets, flows);
    EXPECT_EQ(fed.analysis.total().packets, flows);
    EXPECT_GT(fed.analysis.losses().at("flows_evicted"), 0U);
    EXPECT_GT(fed.analysis.losses().at("endpoints_forgotten"), 0U);
    const auto endpoints = fed.analysis.statistics().endpoints();
    EXPECT_EQ(endpoints[0].first.to_string(), "192.0.2.1");
    EXPECT_EQ(endpoints[0].second->received.packets, flows);
}

TEST(Analysis, TimesOfAllKindsEndSoon)
{
    const auto begun = std::chrono::steady_clock::now();
    Fed fed;
    for (std::uint64_t i = 0; i < 20'000; i++)
        fed.send(static_cast<TimeNs>(i * 0x9e3779b97f4a7c15 >> 1), ours, theirs, static_cast<unsigned>(i % 7));
    fed.send(0, ours, theirs);
    fed.send(std::nullopt, ours, theirs);
    fed.send(std::numeric_limits<TimeNs>::max(), ours, theirs);
    fed.analysis.finish();
    EXPECT_EQ(fed.analysis.packets(), 20'003U);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST(Analysis, NothingAtAll)
{
    Fed fed;
    fed.analysis.finish();
    EXPECT_EQ(fed.analysis.packets(), 0U);
    EXPECT_TRUE(fed.analysis.timeline().steps().empty());
}

} // namespace
} // namespace flowguard::test
