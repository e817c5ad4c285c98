// SPDX-License-Identifier: Apache-2.0
/* UDP, ICMP, reflected and fragment floods, and floods from inside. */
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const std::string victim = "192.168.1.10";
const std::string attacker = "203.0.113.9";

std::string many(unsigned i) { return fmt::format("203.0.{}.{}", i / 250, i % 250 + 1); }
std::uint16_t port(unsigned number) { return static_cast<std::uint16_t>(number); }

TEST(UdpFlood, OfManySourcesOnBothSidesOfItsLimit)
{
    for (const auto &[count, expected] : {std::pair(200U, 1U), std::pair(199U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < count; i++)
            rig.send(FG_PROTO_UDP, {many(i % 50), port(20000 + i)}, {victim, 9000}, {.packets = 1, .bytes = 100});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.udp_flood").size(), expected) << count;
    }
}

TEST(UdpFlood, OfOneSourceUnderManyPortsNamesIt)
{
    Rig rig;
    for (unsigned i = 0; i < 400; i++)
        rig.send(FG_PROTO_UDP, {attacker, port(2000 + i)}, {victim, 80}, {.packets = 1, .bytes = 60});
    rig.tick();
    const auto incidents = rig.incidents("dos.udp_flood");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), attacker);
    EXPECT_EQ(incidents[0].finding.subject.port, 80);
}

TEST(UdpFlood, AtRandomPortsIsOneWhenItsPacketsAreLongAndAScanWhenTheyAreShort)
{
    for (const auto &[length, expected] : {std::pair(1000U, 1U), std::pair(60U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < 1000; i++)
            rig.send(FG_PROTO_UDP, {attacker, 4000}, {victim, port(1 + i)}, {.packets = 1, .bytes = length});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.udp_flood").size(), expected) << length;
    }
}

TEST(UdpFlood, OfOneStreamIsNamedOnlyAtAnEnormousRate)
{
    for (const auto &[packets, expected] : {std::pair(5000U, 1U), std::pair(3000U, 0U)}) {
        Rig rig;
        rig.send(FG_PROTO_UDP, {attacker, 4000}, {victim, 9000}, {.packets = packets, .bytes = packets * 1000});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.udp_flood").size(), expected) << packets;
    }
}

TEST(UdpFlood, OfOneStreamThatTheVictimRefusesIsNamedEarlier)
{
    for (const bool refused : {true, false}) {
        Rig rig;
        rig.send(FG_PROTO_UDP, {attacker, 53}, {victim, 9000}, {.packets = 1000, .bytes = 60'000});
        if (refused)
            rig.send(FG_PROTO_ICMP, {victim, 3}, {attacker, 3}, {.packets = 1, .bytes = 70}, 0.1);
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.udp_flood").size(), refused ? 1U : 0U);
    }
}

TEST(UdpFlood, IsNoStreamThatBothSidesAgreedUpon)
{
    Rig rig;
    rig.send(FG_PROTO_UDP, {attacker, 4000}, {victim, 9000}, {.packets = 20000, .bytes = 20'000'000});
    rig.send(FG_PROTO_UDP, {victim, 9001}, {attacker, 4001}, {.packets = 1, .bytes = 100}); /* RTCP */
    rig.tick();
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
}

TEST(UdpFlood, IsNoCallAndNoDownload)
{
    Rig rig;
    for (int second = 0; second < 10; second++) {
        rig.send(FG_PROTO_UDP, {"192.168.1.50", 50000}, {"198.51.100.1", 3478}, {.packets = 2000, .bytes = 2'000'000});
        rig.send(FG_PROTO_UDP, {"198.51.100.1", 3478}, {"192.168.1.50", 50000}, {.packets = 2000, .bytes = 2'000'000},
                 0.01);
        rig.send(FG_PROTO_UDP, {"192.168.1.50", 50001}, {"198.51.100.2", 443}, {.packets = 3000, .bytes = 240'000});
        rig.send(FG_PROTO_UDP, {"198.51.100.2", 443}, {"192.168.1.50", 50001}, {.packets = 20000, .bytes = 25'000'000},
                 0.01);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
}

TEST(UdpFlood, IsNoLogServerNorMulticast)
{
    Rig rig;
    for (int second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 100; i++)
            rig.send(FG_PROTO_UDP, {many(i), 40000}, {victim, 514}, {.packets = 4, .bytes = 1000});
        rig.send(FG_PROTO_UDP, {"192.168.1.50", 40000}, {"239.1.1.1", 1234}, {.packets = 20000, .bytes = 20'000'000});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
}

TEST(UdpFlood, IsNoResolverWhoseForwarderIsDead)
{
    Rig rig;
    for (unsigned second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 400; i++)
            rig.send(FG_PROTO_UDP, {"192.168.1.53", port(10000 + second * 400 + i)}, {"198.51.100.53", 53},
                     {.packets = 1, .bytes = 80});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
    EXPECT_TRUE(rig.incidents("dos.outbound").empty());
}

TEST(UdpFlood, FromOneOfOursIsAnOutboundFloodAndNothingElse)
{
    Rig rig;
    for (int second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 500; i++)
            rig.send(FG_PROTO_UDP, {"192.168.1.66", port(2000 + i)}, {"198.51.100.7", 80},
                     {.packets = 1, .bytes = 500});
        rig.tick();
    }
    const auto incidents = rig.incidents();
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.detector, "dos.outbound");
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), "192.168.1.66");
    EXPECT_EQ(incidents[0].related, std::vector<std::string>{"dos.udp_flood"});
}

TEST(UdpFlood, ThatTheKernelHadNoRoomForCountsUnlessItIsAnswered)
{
    for (const auto &[answers, expected] : {std::pair(0U, 1U), std::pair(9000U, 0U)}) {
        Rig rig;
        OverflowAggregate aggregate{};
        aggregate.level = FG_OVERFLOW_HOST;
        aggregate.proto = FG_PROTO_UDP;
        aggregate.address = *IpAddress::parse(victim);
        aggregate.remotes = 5000;
        aggregate.tick_volume = {10'000, 5'000'000};
        rig.overflow().push_back(aggregate);
        aggregate.direction = FG_TX;
        aggregate.tick_volume = {answers, 5'000'000};
        rig.overflow().push_back(aggregate);
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.udp_flood").size(), expected) << answers;
    }
}

TEST(IcmpFlood, OnBothSidesOfItsLimit)
{
    for (const auto &[count, expected] : {std::pair(200U, 1U), std::pair(199U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < count; i++)
            rig.send(FG_PROTO_ICMP, {many(i), 8}, {victim, 0}, {.packets = 1, .bytes = 98});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.icmp_flood").size(), expected) << count;
    }
}

TEST(IcmpFlood, OfErrorsIsOneUnlessTheHostCausedThem)
{
    for (const auto &[sent, expected] : {std::pair(0U, 1U), std::pair(2000U, 0U)}) {
        Rig rig;
        rig.send(FG_PROTO_ICMP, {attacker, 3}, {victim, 3}, {.packets = 1000, .bytes = 70'000});
        for (unsigned i = 0; i < sent; i++)
            rig.send(FG_PROTO_UDP, {victim, 6881}, {many(i), port(1024 + i)}, {.packets = 1, .bytes = 100});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.icmp_flood").size(), expected) << sent;
    }
}

TEST(IcmpFlood, IsOfLowSeverityWhenAnAdministratorPings)
{
    Rig rig;
    rig.send(FG_PROTO_ICMP, {"192.168.1.2", 8}, {victim, 0}, {.packets = 3000, .bytes = 294'000});
    rig.send(FG_PROTO_ICMP, {victim, 0}, {"192.168.1.2", 0}, {.packets = 3000, .bytes = 294'000}, 0.001);
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.icmp_flood").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.icmp_flood")[0].finding.severity, Severity::Low);
}

TEST(IcmpFlood, IsNoMonitoring)
{
    Rig rig;
    for (int second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 200; i++) {
            rig.send(FG_PROTO_ICMP, {"192.168.1.2", 8}, {many(i), 0}, {.packets = 2, .bytes = 196});
            rig.send(FG_PROTO_ICMP, {many(i), 0}, {"192.168.1.2", 0}, {.packets = 2, .bytes = 196}, 0.001);
        }
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.icmp_flood").empty());
}

TEST(Amplification, OfManyReflectorsInOneTick)
{
    for (const auto &[count, expected] : {std::pair(100U, 1U), std::pair(99U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < count; i++)
            rig.send(FG_PROTO_UDP, {many(i), 123}, {victim, 80}, {.packets = 1, .bytes = 482});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.amplification").size(), expected) << count;
    }
}

TEST(Amplification, OfOneReflectorWithLargeAnswersThatLasts)
{
    Rig rig;
    for (int second = 0; second < 5; second++) {
        rig.send(FG_PROTO_UDP, {attacker, 11211}, {victim, 80}, {.packets = 20, .bytes = 28'000});
        rig.tick();
    }
    ASSERT_EQ(rig.incidents("dos.amplification").size(), 1U);
    EXPECT_NE(rig.incidents("dos.amplification")[0].finding.explanation.find("memcached"), std::string::npos);
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
}

TEST(Amplification, IsNoResolver)
{
    Rig rig;
    for (unsigned second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 500; i++) {
            const Endpoint resolver{"192.168.1.53", port(1024 + second * 500 + i)};
            rig.send(FG_PROTO_UDP, resolver, {many(i), 53}, {.packets = 1, .bytes = 80});
            rig.send(FG_PROTO_UDP, {many(i), 53}, resolver, {.packets = 1, .bytes = 800}, 0.01);
        }
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(Amplification, IsNoDiscoveryThatTheHostBegan)
{
    Rig rig;
    rig.send(FG_PROTO_UDP, {victim, 50000}, {"239.255.255.250", 1900}, {.packets = 3, .bytes = 600});
    rig.tick();
    for (unsigned i = 0; i < 250; i++)
        rig.send(FG_PROTO_UDP, {fmt::format("192.168.1.{}", i + 1), 1900}, {victim, 50000},
                 {.packets = 3, .bytes = 1200});
    rig.tick();
    EXPECT_TRUE(rig.incidents("dos.amplification").empty());
    EXPECT_TRUE(rig.incidents("dos.udp_flood").empty());
}

TEST(Amplification, IsNoDeadTimeServer)
{
    Rig rig;
    for (int second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 90; i++)
            rig.send(FG_PROTO_UDP, {many(i), 123}, {victim, 123}, {.packets = 1, .bytes = 90});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(FragmentFlood, OfOneSourceOnBothSidesOfItsLimit)
{
    for (const auto &[count, expected] : {std::pair(100U, 1U), std::pair(99U, 0U)}) {
        Rig rig;
        rig.send(FG_PROTO_UDP, {attacker, 0}, {victim, 0},
                 {.packets = count, .bytes = count * 1000, .key_flags = FG_KEY_FRAGMENT});
        rig.tick();
        ASSERT_EQ(rig.incidents("dos.fragment_flood").size(), expected) << count;
        if (expected) {
            EXPECT_EQ(rig.incidents("dos.fragment_flood")[0].finding.subject.source->to_string(), attacker);
        }
    }
}

TEST(FragmentFlood, OfMoreSourcesThanAreToldApart)
{
    Rig rig;
    for (unsigned i = 0; i < 20'000; i++)
        rig.send(FG_PROTO_UDP, {fmt::format("10.{}.{}.{}", i / 40'000 + 9, i / 200, i % 200 + 1), 0}, {victim, 0},
                 {.packets = 1, .bytes = 1000, .key_flags = FG_KEY_FRAGMENT});
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.fragment_flood").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.fragment_flood")[0].finding.observed, 20'000);
}

TEST(FragmentFlood, OfTcpHidesBehindNoFewSegments)
{
    Rig rig;
    rig.send(FG_PROTO_TCP, {attacker, 0}, {victim, 0}, {.packets = 200, .bytes = 20'000, .key_flags = FG_KEY_FRAGMENT});
    rig.send(FG_PROTO_TCP, {attacker, 4000}, {victim, 80}, {.packets = 5, .bytes = 500});
    rig.tick();
    EXPECT_EQ(rig.incidents("dos.fragment_flood").size(), 1U);
}

/// NFS over UDP in both directions, and an answer of DNS in pieces.
TEST(FragmentFlood, IsNoLargeDatagrams)
{
    Rig rig;
    for (int second = 0; second < 10; second++) {
        rig.send(FG_PROTO_UDP, {victim, 800}, {"192.168.1.20", 2049}, {.packets = 500, .bytes = 750'000});
        rig.send(FG_PROTO_UDP, {victim, 0}, {"192.168.1.20", 0},
                 {.packets = 2500, .bytes = 3'750'000, .key_flags = FG_KEY_FRAGMENT});
        rig.send(FG_PROTO_UDP, {"192.168.1.20", 2049}, {victim, 800}, {.packets = 500, .bytes = 750'000}, 0.01);
        rig.send(FG_PROTO_UDP, {"192.168.1.20", 0}, {victim, 0},
                 {.packets = 2500, .bytes = 3'750'000, .key_flags = FG_KEY_FRAGMENT}, 0.01);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(IcmpFlood, BehindAnAuthenticationHeaderThatNobodyAnswers)
{
    constexpr std::uint8_t authentication_header = 51;
    for (const bool answered : {false, true}) {
        Rig rig;
        rig.send(authentication_header, {"2001:db8::2", 0}, {"2001:db8::1", 0}, {.packets = 500, .bytes = 50'000});
        if (answered)
            rig.send(authentication_header, {"2001:db8::1", 0}, {"2001:db8::2", 0}, {.packets = 9, .bytes = 900}, 0.1);
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.icmp_flood").size(), answered ? 0U : 1U);
    }
}

} // namespace
} // namespace flowguard::test
