// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/metrics.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/tick.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>

namespace flowguard {
namespace {

/// Flows of one tick, as the flow table would tell of them in their first tick.
class Flows {
  public:
    FlowDelta &add(std::uint8_t proto, const std::string &client, const std::string &server, std::uint16_t port,
                   Volume to_server, Volume to_client)
    {
        Flow &flow = flows_.emplace_back();
        flow.key.client = *IpAddress::parse(client);
        flow.key.server = *IpAddress::parse(server);
        flow.key.client_port = 40'000;
        flow.key.server_port = port;
        flow.key.proto = proto;
        flow.key.kind = FG_KIND_IPV4;
        flow.to_server = to_server;
        flow.to_client = to_client;
        FlowDelta &delta = deltas_.emplace_back();
        delta.flow = &flow;
        delta.to_server = to_server;
        delta.to_client = to_client;
        delta.begun = true;
        return delta;
    }
    Flow &last() { return flows_.back(); }
    /// What one side sent is the same in the flow and in its tick.
    void tcp(std::uint32_t syn, std::uint32_t client_rst, std::uint32_t server_rst, std::uint32_t server_length = 60)
    {
        last().client_sent.tcp = {.syn = syn, .syn_ack = 0, .fin = 0, .rst = client_rst};
        last().server_sent.tcp = {.syn = 0, .syn_ack = 0, .fin = 0, .rst = server_rst};
        last().server_sent.max_length = server_length;
        deltas_.back().client_sent = last().client_sent;
        deltas_.back().server_sent = last().server_sent;
    }
    ServiceCounts count(TickMetrics &metrics, std::uint16_t port, std::uint8_t proto)
    {
        metrics.count(deltas_);
        const ServiceCounts *counts = metrics.services().find({flows_.front().key.server, port, proto});
        return counts ? ServiceCounts{.in = counts->in,
                                      .out = counts->out,
                                      .flows = counts->flows,
                                      .begun = counts->begun,
                                      .unanswered = counts->unanswered,
                                      .unanswered_flows = counts->unanswered_flows,
                                      .half_open = counts->half_open,
                                      .half_open_syn = counts->half_open_syn,
                                      .completed = counts->completed,
                                      .unserved = counts->unserved,
                                      .stray = counts->stray,
                                      .clients = {}}
                      : ServiceCounts{};
    }
    std::vector<FlowDelta> &deltas() { return deltas_; }

  private:
    std::deque<Flow> flows_;
    std::vector<FlowDelta> deltas_;
};

TEST(BeginOfTick, IsWhereTheLastOneEndedUnlessTheClockWasSet)
{
    constexpr TimeNs second = 1'000'000'000;
    constexpr TimeNs last = 1'700'000'000 * second;
    for (const double drift : {-0.6, -0.000'001, 0.0, 0.000'001, 0.6})
        EXPECT_EQ(begin_of_tick(last, last + second, 1 + drift), last) << drift;
    EXPECT_EQ(begin_of_tick(last, last + 3'601 * second, 1), last + 3'600 * second) << "set forward by an hour";
    EXPECT_EQ(begin_of_tick(last, last - 3'599 * second, 1), last - 3'600 * second) << "set back by an hour";
    EXPECT_EQ(begin_of_tick(last, last - second / 2, 0.1), last - second / 2) << "never after its end";
    EXPECT_EQ(begin_of_tick(0, last, 1), last - second) << "the first";
}

TEST(TickMetrics, TellHalfOpenFromCompletedConnections)
{
    Flows flows;
    flows.add(FG_PROTO_TCP, "203.0.113.1", "10.0.0.1", 80, {3, 180}, {3, 180}); /* retried, and answered */
    flows.tcp(3, 0, 0);
    flows.add(FG_PROTO_TCP, "203.0.113.2", "10.0.0.1", 80, {2, 120}, {1, 60}); /* aborted, as by nmap -sS */
    flows.tcp(1, 1, 0);
    flows.add(FG_PROTO_TCP, "203.0.113.3", "10.0.0.1", 80, {5, 600}, {5, 5000});
    flows.tcp(1, 0, 0, 1514);
    flows.add(FG_PROTO_TCP, "203.0.113.4", "10.0.0.1", 80, {3, 300}, {2, 120}); /* and got no data */
    flows.tcp(1, 0, 0, 74);
    flows.add(FG_PROTO_TCP, "203.0.113.5", "10.0.0.1", 80, {1, 60}, {1, 60}); /* no SYN, and a reset */
    flows.tcp(0, 0, 1);
    TickMetrics metrics;
    const ServiceCounts counts = flows.count(metrics, 80, FG_PROTO_TCP);
    EXPECT_EQ(counts.flows, 5U);
    EXPECT_EQ(counts.half_open, 2U);
    EXPECT_EQ(counts.half_open_syn, 4U);
    EXPECT_EQ(counts.completed, 2U);
    EXPECT_EQ(counts.unserved, 1U);
    EXPECT_EQ(counts.stray, 1U);
    const HostCounts *host = metrics.hosts().find(*IpAddress::parse("10.0.0.1"));
    ASSERT_NE(host, nullptr);
    EXPECT_EQ(host->half_open_syn, 4U);
    EXPECT_EQ(host->completed, 2U);
    EXPECT_EQ(host->begun_to, 5U);
}

TEST(TickMetrics, TellUnansweredAndReflectedDatagrams)
{
    Flows flows;
    flows.add(FG_PROTO_UDP, "203.0.113.1", "10.0.0.1", 9000, {10, 1000}, {});
    flows.add(FG_PROTO_UDP, "203.0.113.2", "10.0.0.1", 9000, {7, 700}, {1, 100});
    flows.add(FG_PROTO_UDP, "203.0.113.3", "10.0.0.1", 9000, {5, 5000}, {});
    flows.last().key.client_port = 53;
    flows.add(FG_PROTO_UDP, "203.0.113.3", "10.0.0.1", 0, {30, 30'000}, {});
    flows.last().key.flags = FG_KEY_FRAGMENT;
    TickMetrics metrics;
    EXPECT_EQ(flows.count(metrics, 9000, FG_PROTO_UDP).unanswered, (Volume{15, 6000}));
    const HostCounts *host = metrics.hosts().find(*IpAddress::parse("10.0.0.1"));
    ASSERT_NE(host, nullptr);
    EXPECT_EQ(host->udp_unanswered, (Volume{15, 6000}));
    EXPECT_EQ(host->udp_answered, 7U);
    EXPECT_EQ(host->reflected, (Volume{5, 5000}));
    EXPECT_EQ(host->fragments, 30U);
}

TEST(TickMetrics, AreOfOneTickAlone)
{
    Flows flows;
    flows.add(FG_PROTO_UDP, "203.0.113.1", "10.0.0.1", 9000, {10, 1000}, {});
    TickMetrics metrics;
    metrics.count(flows.deltas());
    metrics.count(std::span<const FlowDelta>());
    EXPECT_EQ(metrics.hosts().size(), 0U);
    EXPECT_EQ(metrics.services().size(), 0U);
}

TEST(TickMetrics, HoldNoMoreHostsThanTheirCapAndSaySo)
{
    Flows flows;
    constexpr unsigned more = 100;
    for (unsigned i = 0; i < TickMetrics::max_hosts + more - 1; i++)
        flows.add(FG_PROTO_UDP, fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255), "192.168.0.1", 9000,
                  {1, 60}, {});
    TickMetrics metrics;
    metrics.count(flows.deltas());
    EXPECT_EQ(metrics.hosts().size(), TickMetrics::max_hosts);
    EXPECT_EQ(metrics.hosts().refused(), more);
    EXPECT_EQ(metrics.hosts().find(*IpAddress::parse("192.168.0.1"))->udp_unanswered.packets,
              TickMetrics::max_hosts + more - 1);
}

TEST(Reflectors, AreKnownByPort)
{
    EXPECT_TRUE(reflects(53));
    EXPECT_TRUE(reflects(47808));
    EXPECT_FALSE(reflects(443));
    EXPECT_FALSE(reflects(0));
    EXPECT_EQ(reflector_name(11211), "memcached");
    EXPECT_EQ(reflector_name(443), "");
}

} // namespace
} // namespace flowguard
