// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const std::string scanner = "203.0.113.7";
const std::string victim = "192.168.1.10";

/// What nmap tries first, and more.
constexpr std::uint16_t popular[] = {80,   23,  443, 21,  22,   25,   3389, 110,  445, 139,  143, 53,  135, 3306, 8080,
                                     1723, 111, 995, 993, 5900, 1025, 587,  8888, 199, 1720, 465, 548, 113, 81,   6001};

enum class Answer { None, Refusal, Handshake };

void probe(Rig &rig, std::uint16_t port, Answer answer, const std::string &target = victim,
           const std::string &source = scanner, double at = 0)
{
    const Endpoint from{source, static_cast<std::uint16_t>(40'000 + port % 20'000)};
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

std::size_t named(const Rig &rig) { return rig.incidents("scan.port").size(); }

TEST(ScanPort, FifteenRefusedPortsAreNamedAtOnceAndFourteenAreNot)
{
    Rig rig;
    for (int i = 0; i < 14; i++)
        probe(rig, popular[i], Answer::Refusal);
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
    probe(rig, popular[14], Answer::Refusal);
    rig.tick();
    const auto incidents = rig.incidents("scan.port");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), scanner);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), victim);
    EXPECT_EQ(incidents[0].finding.subject.proto, FG_PROTO_TCP);
    EXPECT_DOUBLE_EQ(incidents[0].finding.observed, 15);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Low) << "strangers do that all day";
}

TEST(ScanPort, SilentPortsAreNamedWithinTenSeconds)
{
    Rig rig;
    for (int second = 0; second < 8; second++) {
        for (int i = 0; i < 3; i++)
            probe(rig, popular[3 * second + i], Answer::None);
        rig.tick();
    }
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanPort, FromOneOfOursWeighsMore)
{
    Rig rig;
    for (const std::uint16_t port : popular)
        probe(rig, port, Answer::Refusal, victim, "192.168.1.66");
    rig.tick();
    const auto incidents = rig.incidents("scan.port");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Medium);
}

TEST(ScanPort, FewOpenPortsDoNotHideTheClosedOnes)
{
    Rig rig;
    for (std::size_t i = 0; i < 24; i++)
        probe(rig, popular[i], i % 6 == 0 ? Answer::Handshake : Answer::Refusal);
    rig.tick();
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanPort, WithFlagsThatNoStackSends)
{
    constexpr unsigned urgent = 0x20;
    for (const unsigned flags : {0U, unsigned{FG_TCP_FIN}, FG_TCP_FIN | FG_TCP_PSH | urgent}) {
        Rig rig;
        for (const std::uint16_t port : popular)
            rig.send(FG_PROTO_TCP, {scanner, 50'000}, {victim, port},
                     {.packets = 1, .bytes = 60, .flags = static_cast<std::uint8_t>(flags), .bare = true});
        ticks(rig, 4);
        EXPECT_EQ(named(rig), 1U) << "flags " << flags;
    }
}

TEST(ScanPort, WithBareAcksThatAreReset)
{
    Rig rig;
    for (const std::uint16_t port : popular) {
        rig.send(FG_PROTO_TCP, {scanner, 50'000}, {victim, port}, {.packets = 1, .bytes = 60});
        rig.send(FG_PROTO_TCP, {victim, port}, {scanner, 50'000}, {.packets = 1, .bytes = 60, .rst = 1}, 0.01);
    }
    rig.tick();
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanPort, ByUdp)
{
    Rig rig;
    for (const std::uint16_t port : popular)
        rig.send(FG_PROTO_UDP, {scanner, 50'000}, {victim, port}, {.packets = 1, .bytes = 60});
    ticks(rig, 4);
    const auto incidents = rig.incidents("scan.port");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.proto, FG_PROTO_UDP);
}

TEST(ScanPort, SlowlyIsOneIncident)
{
    Rig rig;
    for (const std::uint16_t port : popular) {
        probe(rig, port, Answer::None);
        for (int minute = 0; minute < 10; minute++)
            rig.tick(60);
    }
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanPort, OfSeveralHostsIsOneIncident)
{
    Rig rig;
    for (int host = 1; host <= 5; host++)
        for (const std::uint16_t port : popular)
            probe(rig, port, Answer::Refusal, fmt::format("192.168.1.{}", host));
    ticks(rig, 3);
    const auto incidents = rig.incidents("scan.port");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_FALSE(incidents[0].finding.subject.target.has_value());
    EXPECT_EQ(incidents[0].finding.targets.size(), 5U);
}

TEST(ScanPort, DataConnectionsThatWorkAreNone)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 200; i++)
        probe(rig, static_cast<std::uint16_t>(50'000 + i), Answer::Handshake);
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, DataConnectionsThatFailAreNoneBeforeTheyAreMany)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 59; i++) {
        probe(rig, static_cast<std::uint16_t>(50'000 + i * 7), Answer::None);
        rig.tick();
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
    probe(rig, 60'000, Answer::None);
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 1U);
}

TEST(ScanPort, RetriesOfFewPortsAreNone)
{
    Rig rig;
    for (int i = 0; i < 100; i++) {
        for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 443, 445, 3389})
            rig.send(FG_PROTO_TCP, {"192.168.1.5", static_cast<std::uint16_t>(40'000 + i)}, {victim, port},
                     {.packets = 1, .bytes = 60, .syn = 1});
        rig.tick();
    }
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, TracerouteIsNone)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 90; i++)
        rig.send(FG_PROTO_UDP, {"192.168.1.5", 50'000}, {"198.51.100.9", static_cast<std::uint16_t>(33'434 + i)},
                 {.packets = 1, .bytes = 74});
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, AServerThatClearsUpOldConnectionsIsNone)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 300; i++) {
        rig.send(FG_PROTO_TCP, {"198.51.100.9", 443}, {victim, static_cast<std::uint16_t>(1024 + i * 150)},
                 {.packets = 1, .bytes = 60, .fin = 1});
        rig.send(FG_PROTO_TCP, {victim, static_cast<std::uint16_t>(1024 + i * 150)}, {"198.51.100.9", 443},
                 {.packets = 1, .bytes = 60, .rst = 1}, 0.01);
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, AnswersOfAFloodedServerAreNone)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 300; i++) {
        const Endpoint bystander{victim, static_cast<std::uint16_t>(500 + i)};
        if (i % 2)
            rig.send(FG_PROTO_TCP, {"198.51.100.9", 80}, bystander, {.packets = 3, .bytes = 180, .syn_ack = 3});
        else
            rig.send(FG_PROTO_TCP, {"198.51.100.9", 80}, bystander, {.packets = 1, .bytes = 60, .rst = 1});
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, AnswersOfAResolverWhoseQueriesWereNotSeenAreNone)
{
    Rig rig;
    for (std::uint16_t i = 0; i < 300; i++)
        rig.send(FG_PROTO_UDP, {"8.8.8.8", 53}, {victim, static_cast<std::uint16_t>(1024 + i * 200)},
                 {.packets = 1, .bytes = 120});
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, TheSamePortsOfTenStrangersAreASearchThoughTheyAnswer)
{
    for (const int hosts : {9, 10}) {
        Rig rig;
        for (int host = 1; host <= hosts; host++)
            for (const std::uint16_t port : std::initializer_list<std::uint16_t>{3333, 4444, 5555})
                probe(rig, port, Answer::Handshake, fmt::format("198.51.100.{}", host), "192.168.1.66");
        rig.tick();
        EXPECT_EQ(named(rig), hosts == 10 ? 1U : 0U);
    }
}

TEST(ScanPort, BrowsingAndMonitoringAreNoSearch)
{
    Rig rig;
    for (int host = 1; host <= 100; host++) {
        for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 443})
            probe(rig, port, Answer::Handshake, fmt::format("198.51.100.{}", host), "192.168.1.66");
        for (const std::uint16_t port : std::initializer_list<std::uint16_t>{22, 80, 443, 5666})
            probe(rig, port, Answer::Handshake, fmt::format("192.168.2.{}", host), "192.168.1.2");
        for (int peer = 0; peer < 4; peer++)
            probe(rig, static_cast<std::uint16_t>(2000 + host * 100 + peer * 17), Answer::Handshake,
                  fmt::format("198.51.101.{}", host), "192.168.1.67");
    }
    ticks(rig, 5);
    EXPECT_EQ(named(rig), 0U);
}

TEST(ScanPort, AFloodOfStrangersDoesNotHideASlowScan)
{
    Rig rig;
    for (int i = 0; i < 10; i++) {
        probe(rig, popular[i], Answer::Refusal);
        rig.tick();
    }
    for (int second = 0; second < 3; second++) {
        for (int i = 0; i < 30'000; i++)
            probe(rig, 80, Answer::None, victim, fmt::format("{}.{}.{}.9", 11 + second, i / 250, i % 250));
        rig.tick();
    }
    for (int i = 10; i < 15; i++) {
        probe(rig, popular[i], Answer::Refusal);
        rig.tick();
    }
    const auto incidents = rig.incidents();
    EXPECT_TRUE(std::ranges::any_of(incidents, [](const Incident &each) {
        return each.finding.detector == "scan.port" && each.finding.subject.source->to_string() == scanner;
    }));
}

} // namespace
} // namespace flowguard::test
