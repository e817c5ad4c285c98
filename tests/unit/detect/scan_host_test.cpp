// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

enum class Answer { None, Refusal, Handshake };

std::string host(int number) { return fmt::format("198.51.{}.{}", number / 250, number % 250 + 1); }

void probe(Rig &rig, const std::string &source, const std::string &target, std::uint16_t port, Answer answer,
           double at = 0)
{
    const Endpoint from{source, 50'000};
    const Endpoint to{target, port};
    rig.send(FG_PROTO_TCP, from, to, {.packets = 1, .bytes = 60, .syn = 1}, at);
    if (answer == Answer::Refusal)
        rig.send(FG_PROTO_TCP, to, from, {.packets = 1, .bytes = 60, .rst = 1}, at + 0.01);
    if (answer == Answer::Handshake)
        rig.send(FG_PROTO_TCP, to, from, {.packets = 3, .bytes = 400, .syn_ack = 1}, at + 0.01);
}

void ticks(Rig &rig, int count)
{
    for (int i = 0; i < count; i++)
        rig.tick();
}

std::size_t named(const Rig &rig) { return rig.incidents("scan.host").size(); }

const std::string infected = "192.168.1.66";

TEST(ScanHost, TwentySilentHostsAreNamedWithinTenSecondsAndNineteenAreNot)
{
    for (const int hosts : {19, 20}) {
        Rig rig;
        for (int i = 0; i < hosts; i++) {
            probe(rig, infected, host(i), 23, Answer::None);
            if (i % 4 == 3)
                rig.tick();
        }
        ticks(rig, 5);
        const auto incidents = rig.incidents("scan.host");
        ASSERT_EQ(incidents.size(), hosts == 20 ? 1U : 0U);
        if (incidents.empty())
            continue;
        EXPECT_EQ(incidents[0].finding.subject.source->to_string(), infected);
        EXPECT_EQ(incidents[0].finding.subject.port, 23);
        EXPECT_EQ(incidents[0].finding.severity, Severity::Medium);
    }
}

TEST(ScanHost, ThousandsWithinOneTickAreNamedInThatTick)
{
    Rig rig;
    for (int i = 0; i < 5000; i++)
        probe(rig, infected, host(i), 11'311, Answer::None, 0.9);
    rig.tick();
    const auto incidents = rig.incidents("scan.host");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_NEAR(incidents[0].finding.observed, 5000, 250);
}

TEST(ScanHost, OneProbeInAWhileIsOneIncidentOfHours)
{
    Rig rig;
    for (int i = 0; i < 400; i++) {
        probe(rig, "203.0.113.7", fmt::format("10.0.{}.{}", i / 250, i % 250), 1433, Answer::None);
        rig.tick(34);
    }
    const auto incidents = rig.incidents("scan.host");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_GT(incidents[0].last - incidents[0].start, TimeNs{3} * 3600 * 1'000'000'000);
    EXPECT_NEAR(incidents[0].finding.observed, 400, 20);
}

TEST(ScanHost, AFewThatAnswerDoNotHideTheRest)
{
    Rig rig;
    for (int i = 0; i < 60; i++)
        probe(rig, infected, host(i), 445, i % 10 == 0 ? Answer::Handshake : Answer::Refusal);
    rig.tick();
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanHost, SuccessesOfEarlierDoNotHideAScanOfNow)
{
    Rig rig;
    for (int i = 0; i < 100; i++)
        probe(rig, infected, host(i), 22, Answer::Handshake);
    rig.tick();
    for (int i = 100; i < 130; i++)
        probe(rig, infected, host(i), 22, Answer::Refusal);
    rig.tick();
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanHost, OfSeveralPortsIsOneIncident)
{
    Rig rig;
    for (int i = 0; i < 40; i++) {
        for (const std::uint16_t port : std::initializer_list<std::uint16_t>{23, 2323, 8080, 9527})
            probe(rig, infected, host(i), port, Answer::None);
        rig.tick();
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 1U);
    EXPECT_EQ(rig.incidents("scan.port").size(), 0U);
}

/// How often a host that sends one datagram each to so many hosts is named.
std::size_t named_by_datagrams(int hosts, std::uint16_t port)
{
    Rig rig;
    for (int i = 0; i < hosts; i++)
        rig.send(FG_PROTO_UDP, {infected, 51'194}, {host(i), port}, {.packets = 1, .bytes = 52});
    ticks(rig, 5);
    return named(rig);
}

TEST(ScanHost, BySmallEqualDatagrams)
{
    EXPECT_EQ(named_by_datagrams(40, 16'464), 1U);
    EXPECT_EQ(named_by_datagrams(10, 16'464), 0U);
}

/* Torrents fail at many peers; a sweep is faster. */
TEST(ScanHost, AtPortsOfSwarmsNeedsMore)
{
    EXPECT_EQ(named_by_datagrams(40, 6892), 0U);
    EXPECT_EQ(named_by_datagrams(120, 6892), 1U);
}

TEST(ScanHost, ByPing)
{
    Rig rig;
    for (int i = 0; i < 40; i++)
        rig.send(FG_PROTO_ICMP, {infected, 8}, {fmt::format("192.168.1.{}", 100 + i)}, {.packets = 1, .bytes = 60});
    ticks(rig, 4);
    const auto incidents = rig.incidents("scan.host");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.proto, FG_PROTO_ICMP);
    EXPECT_FALSE(incidents[0].finding.subject.port.has_value());
}

TEST(ScanHost, DatagramsOfAllSizesAreNone)
{
    Rig rig;
    for (int i = 0; i < 40; i++)
        rig.send(FG_PROTO_UDP, {infected, 51'194}, {host(i), 5000},
                 {.packets = 1, .bytes = static_cast<std::uint64_t>(60 + i % 8 * 30)});
    ticks(rig, 4);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, ServersThatAnswerAreNone)
{
    Rig rig;
    for (int i = 0; i < 2000; i++)
        probe(rig, infected, host(i), 8000, i % 5 == 0 ? Answer::None : Answer::Handshake);
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, ACrawlerWhoseAnswersAreOnTheirWayIsNone)
{
    Rig rig;
    int next = 0;
    for (int second = 0; second < 5; second++) {
        for (int i = 0; i < 800; i++)
            probe(rig, infected, host(next++), 443, Answer::Handshake);
        for (int i = 0; i < 200; i++)
            probe(rig, infected, host(next + i), 443, Answer::None, 0.9);
        rig.tick();
        for (int i = 0; i < 200; i++)
            rig.send(FG_PROTO_TCP, {host(next + i), 443}, {infected, 50'000},
                     {.packets = 3, .bytes = 400, .syn_ack = 1});
        next += 200;
    }
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, PeersOfAllPortsAreNone)
{
    Rig rig;
    for (int i = 0; i < 1000; i++) {
        probe(rig, infected, host(i), static_cast<std::uint16_t>(1025 + i * 37),
              i % 3 ? Answer::None : Answer::Handshake);
        rig.send(FG_PROTO_UDP, {infected, 51'413}, {host(i), static_cast<std::uint16_t>(1025 + i * 41)},
                 {.packets = 1, .bytes = 110});
        if (i % 20 == 0)
            rig.tick();
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, OldListsOfPeersAreNone)
{
    Rig rig;
    for (int i = 0; i < 150; i++) {
        probe(rig, infected, host(i), 8333, i % 9 ? Answer::None : Answer::Handshake);
        ticks(rig, 2);
    }
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, AnOutageIsNone)
{
    Rig rig;
    for (int i = 0; i < 99; i++) {
        probe(rig, infected, host(i), 443, Answer::None);
        if (i % 5 == 0)
            rig.tick();
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, OneDirectionOfRealConnectionsIsNone)
{
    Rig rig;
    for (int i = 0; i < 200; i++)
        rig.send(FG_PROTO_TCP, {infected, 50'000}, {host(i), 8080}, {.packets = 6, .bytes = 900, .syn = 1});
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, MonitoringOfTheSameHostsIsNoneWhenTheyFail)
{
    Rig rig;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 60; i++)
            rig.send(FG_PROTO_TCP, {"192.168.1.2", static_cast<std::uint16_t>(40'000 + round)}, {host(i), 5666},
                     {.packets = 1, .bytes = 60, .syn = 1});
        if (round == 0)
            for (int i = 0; i < 60; i++)
                rig.send(FG_PROTO_TCP, {host(i), 5666}, {"192.168.1.2", 40'000},
                         {.packets = 3, .bytes = 400, .syn_ack = 1}, 0.01);
        ticks(rig, 30);
    }
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, MulticastIsNone)
{
    Rig rig;
    for (int i = 0; i < 60; i++)
        rig.send(FG_PROTO_UDP, {infected, 50'000}, {fmt::format("239.255.1.{}", i), 5004},
                 {.packets = 1, .bytes = 100});
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, ManyStrangersAtOnePortOfManyHostsAreACrowd)
{
    for (const int many : {49, 60}) {
        Rig rig;
        for (int i = 0; i < many; i++)
            probe(rig, host(i), fmt::format("10.1.2.{}", i), 23, Answer::None);
        rig.tick();
        const auto incidents = rig.incidents("scan.host");
        ASSERT_EQ(incidents.size(), many == 60 ? 1U : 0U);
        if (incidents.empty())
            continue;
        EXPECT_FALSE(incidents[0].finding.subject.source.has_value());
        EXPECT_EQ(incidents[0].finding.subject.port, 23);
        EXPECT_NEAR(static_cast<double>(incidents[0].finding.source_count), 60, 5);
    }
}

TEST(ScanHost, AFloodOfOneHostIsNoCrowd)
{
    Rig rig;
    for (int i = 0; i < 3000; i++)
        probe(rig, host(i), "10.1.2.3", 23, Answer::None);
    rig.tick();
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanHost, OurClientsDuringAnOutageAreNoCrowd)
{
    Rig rig;
    for (int i = 0; i < 200; i++)
        probe(rig, fmt::format("192.168.7.{}", i), host(i), 5222, Answer::None);
    rig.tick();
    EXPECT_EQ(named(rig), 0U);
}

} // namespace
} // namespace flowguard::test
