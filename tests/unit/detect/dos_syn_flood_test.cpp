// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

constexpr Packets one_syn{.packets = 1, .bytes = 60, .syn = 1};

std::string spoofed(unsigned i) { return fmt::format("203.0.{}.{}", i / 250, i % 250 + 1); }

void send_syns(Rig &rig, unsigned count, unsigned sources, std::uint16_t port = 443, unsigned first_port = 1024)
{
    for (unsigned i = 0; i < count; i++)
        rig.send(FG_PROTO_TCP, {spoofed(i % sources), static_cast<std::uint16_t>(first_port + i)},
                 {"192.168.1.10", port}, one_syn);
}

/// A client's whole request, within one tick.
void send_request(Rig &rig, const std::string &client, std::uint16_t client_port, const Endpoint &server)
{
    rig.send(FG_PROTO_TCP, {client, client_port}, server, {.packets = 5, .bytes = 800, .syn = 1, .fin = 1});
    rig.send(FG_PROTO_TCP, server, {client, client_port},
             {.packets = 6, .bytes = 6000, .syn_ack = 1, .fin = 1, .max_length = 1514}, 0.01);
}

/// What the kernel had no room for at the service of 192.168.1.10.
OverflowAggregate overflow(std::uint64_t packets, std::uint64_t syn, std::uint64_t remotes)
{
    OverflowAggregate aggregate{};
    aggregate.proto = FG_PROTO_TCP;
    aggregate.port = 443;
    aggregate.address = *IpAddress::parse("192.168.1.10");
    aggregate.remotes = remotes;
    aggregate.tick_volume = {packets, packets * 60};
    aggregate.tick_syn = syn;
    return aggregate;
}

TEST(SynFlood, OfSpoofedSourcesIsNamedInItsFirstTick)
{
    Rig rig;
    send_syns(rig, 500, 500);
    rig.tick();
    const auto incidents = rig.incidents("dos.syn_flood");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), "192.168.1.10");
    EXPECT_EQ(incidents[0].finding.subject.port, 443);
    EXPECT_EQ(incidents[0].finding.subject.source, std::nullopt);
    EXPECT_NEAR(static_cast<double>(incidents[0].finding.source_count), 500, 25);
    EXPECT_EQ(incidents[0].finding.severity, Severity::High);
}

TEST(SynFlood, BothSidesOfTheLimitOfOneTick)
{
    for (const auto &[count, expected] : {std::pair(100U, 1U), std::pair(99U, 0U)}) {
        Rig rig;
        send_syns(rig, count, count);
        rig.tick();
        EXPECT_EQ(rig.incidents().size(), expected) << count;
    }
}

TEST(SynFlood, OfALowRateIsNamedWhenItLasts)
{
    for (const auto &[count, expected] : {std::pair(30U, 1U), std::pair(29U, 0U)}) {
        Rig rig;
        for (unsigned second = 0; second < 6; second++) {
            send_syns(rig, count, count, 443, 1024 + 100 * second);
            rig.tick();
        }
        EXPECT_EQ(rig.incidents("dos.syn_flood").size(), expected) << count;
    }
}

TEST(SynFlood, OfOneSourceNamesIt)
{
    Rig rig;
    send_syns(rig, 200, 1);
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.syn_flood")[0].finding.subject.source->to_string(), "203.0.0.1");
}

TEST(SynFlood, IsOneIncidentWhileItLasts)
{
    Rig rig;
    for (unsigned second = 0; second < 10; second++) {
        send_syns(rig, second == 5 ? 20 : 300, 200, 443, 1024 + 400 * second);
        rig.tick();
    }
    EXPECT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
}

TEST(SynFlood, HidesInNoBusyService)
{
    Rig rig;
    for (unsigned i = 0; i < 300; i++)
        send_request(rig, fmt::format("198.51.{}.{}", i / 250, i % 250 + 1), 50000, {"192.168.1.10", 443});
    send_syns(rig, 200, 200);
    rig.tick();
    EXPECT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
}

TEST(SynFlood, OverThePortsOfAHostNeedsManySources)
{
    for (const auto &[sources, expected] : {std::pair(60U, 1U), std::pair(10U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < 600; i++)
            rig.send(FG_PROTO_TCP, {spoofed(i % sources), 4000}, {"192.168.1.10", static_cast<std::uint16_t>(1 + i)},
                     one_syn);
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.syn_flood").size(), expected) << sources;
    }
}

TEST(SynFlood, OfSegmentsOfNoConnection)
{
    Rig rig;
    for (unsigned i = 0; i < 300; i++)
        rig.send(FG_PROTO_TCP, {spoofed(i), 4000}, {"192.168.1.10", 80}, {.packets = 1, .bytes = 60});
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.syn_flood")[0].finding.metric, "TCP segments of no connection");
}

TEST(SynFlood, IsNoAckScanOfOneSource)
{
    Rig rig;
    for (unsigned i = 0; i < 1000; i++)
        rig.send(FG_PROTO_TCP, {"203.0.113.9", 4000}, {"192.168.1.10", static_cast<std::uint16_t>(1 + i)},
                 {.packets = 1, .bytes = 60});
    rig.tick();
    EXPECT_TRUE(rig.incidents("dos.syn_flood").empty());
}

TEST(SynFlood, ThatTheKernelHadNoRoomForCountsToo)
{
    Rig rig;
    rig.overflow().push_back(overflow(50'000, 50'000, 40'000));
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.syn_flood")[0].finding.source_count, 40'000U);
    EXPECT_EQ(rig.incidents("dos.syn_flood")[0].finding.observed, 50'000);
}

TEST(SynFlood, IsNoOverflowOfRealConnections)
{
    Rig rig;
    rig.overflow().push_back(overflow(5'000, 1'000, 900));
    rig.tick();
    EXPECT_TRUE(rig.incidents("dos.syn_flood").empty());
}

TEST(SynFlood, IsNoBusyHour)
{
    Rig rig;
    for (unsigned second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 1000; i++)
            send_request(rig, fmt::format("198.51.{}.{}", i / 250, i % 250 + 1),
                         static_cast<std::uint16_t>(40000 + second), {"192.168.1.10", 443});
        send_syns(rig, 100, 100, 443, 1024 + 100 * second); /* their answers come after the tick */
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.syn_flood").empty());
}

TEST(SynFlood, IsNoRetryToADeadServer)
{
    Rig rig;
    for (unsigned second = 0; second < 90; second++) {
        for (std::uint16_t i = 0; i < 8; i++)
            rig.send(FG_PROTO_TCP, {"192.168.1.50", static_cast<std::uint16_t>(40000 + second / 20 * 8 + i)},
                     {"203.0.113.94", 80}, one_syn);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

/// Of more victims than are kept, the busiest are named.
TEST(SynFlood, OfManyVictimsIsBounded)
{
    Rig rig;
    for (unsigned i = 0; i < 2000; i++)
        rig.send(FG_PROTO_TCP, {"203.0.113.9", 4000}, {fmt::format("10.0.{}.{}", i / 250, i % 250 + 1), 80},
                 {.packets = 150, .bytes = 9000, .syn = 150});
    rig.tick();
    const auto count = rig.incidents("dos.syn_flood").size();
    EXPECT_GT(count, 0U);
    EXPECT_LE(count, 64U);
}

} // namespace
} // namespace flowguard::test
