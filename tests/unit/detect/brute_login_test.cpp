// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const std::string guesser = "203.0.113.7";
const std::string server = "192.168.1.10";

struct Dialogue {
    std::string source = guesser;
    std::uint16_t port = 22;
    std::uint64_t up = 1700;
    std::uint64_t down = 3000;
    std::uint64_t packets = 13; ///< each way
};

/// Begins at `at` within this tick.
void begin(Rig &rig, const Dialogue &dialogue, std::uint16_t number, double at = 0)
{
    const Endpoint from{dialogue.source, static_cast<std::uint16_t>(40'000 + number)};
    const Endpoint to{server, dialogue.port};
    rig.send(FG_PROTO_TCP, from, to,
             {.packets = dialogue.packets - 1, .bytes = dialogue.up - 66, .syn = 1, .max_length = 700}, at);
    rig.send(FG_PROTO_TCP, to, from,
             {.packets = dialogue.packets - 1, .bytes = dialogue.down - 66, .syn_ack = 1, .max_length = 900},
             at + 0.01);
}

void end(Rig &rig, const Dialogue &dialogue, std::uint16_t number)
{
    const Endpoint from{dialogue.source, static_cast<std::uint16_t>(40'000 + number)};
    const Endpoint to{server, dialogue.port};
    rig.send(FG_PROTO_TCP, from, to, {.packets = 1, .bytes = 66, .fin = 1}, 0.02);
    rig.send(FG_PROTO_TCP, to, from, {.packets = 1, .bytes = 66, .fin = 1}, 0.03);
}

/// `count` of them, `at_once` at a time, each over after `seconds`.
void talk(Rig &rig, const Dialogue &dialogue, int count, int at_once = 4, int seconds = 2)
{
    for (int done = 0; done < count; done += at_once) {
        const int batch = std::min(at_once, count - done);
        for (int i = 0; i < batch; i++)
            begin(rig, dialogue, static_cast<std::uint16_t>(done + i));
        for (int i = 0; i < seconds; i++)
            rig.tick();
        for (int i = 0; i < batch; i++)
            end(rig, dialogue, static_cast<std::uint16_t>(done + i));
        rig.tick();
    }
}

std::size_t named(const Rig &rig) { return rig.incidents("brute.login").size(); }

TEST(BruteLogin, TenAlikeWithinAMinuteAreNamedAndNineAreNot)
{
    for (const int count : {9, 10}) {
        Rig rig;
        talk(rig, {}, count);
        const auto incidents = rig.incidents("brute.login");
        ASSERT_EQ(incidents.size(), count == 10 ? 1U : 0U);
        if (incidents.empty())
            continue;
        EXPECT_EQ(incidents[0].finding.subject.source->to_string(), guesser);
        EXPECT_EQ(incidents[0].finding.subject.target->to_string(), server);
        EXPECT_EQ(incidents[0].finding.subject.port, 22);
        EXPECT_EQ(incidents[0].finding.severity, Severity::Medium);
        EXPECT_DOUBLE_EQ(incidents[0].finding.observed, 10);
    }
}

TEST(BruteLogin, FromOneOfOursIsForNow)
{
    Rig rig;
    talk(rig, {.source = "192.168.1.66"}, 30);
    const auto incidents = rig.incidents("brute.login");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::High);
}

TEST(BruteLogin, AtFtpTwiceAsManyAreNeeded)
{
    for (const int count : {19, 20}) {
        Rig rig;
        talk(rig, {.port = 21, .up = 750, .down = 1070, .packets = 12}, count);
        EXPECT_EQ(named(rig), count == 20 ? 1U : 0U);
    }
}

TEST(BruteLogin, AtSshOnAnotherPort)
{
    Rig rig;
    talk(rig, {.port = 902, .up = 2600, .down = 2500}, 24, 10);
    EXPECT_EQ(named(rig), 1U);
}

TEST(BruteLogin, SlowlyButWithoutAClock)
{
    Rig rig;
    for (int i = 0; i < 30; i++) {
        talk(rig, {}, 1, 1);
        rig.tick(10 + i * 7 % 30);
    }
    EXPECT_EQ(named(rig), 1U);
}

TEST(BruteLogin, AHealthCheckByTheMinuteIsNone)
{
    Rig rig;
    for (int i = 0; i < 120; i++) {
        talk(rig, {}, 1, 1, 1);
        rig.tick(28);
    }
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, WorkOfDifferentSizesIsNone)
{
    Rig rig;
    for (int i = 0; i < 60; i++)
        talk(rig,
             {.up = static_cast<std::uint64_t>(2000 + i * 37 % 11 * 700),
              .down = static_cast<std::uint64_t>(2500 + i * 53 % 13 * 600)},
             1, 1, 0);
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, TransfersAreNone)
{
    Rig rig;
    talk(rig, {.up = 300'000, .down = 20'000, .packets = 400}, 60);
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, ALoadTestIsNone)
{
    Rig rig;
    talk(rig, {.source = "127.0.0.1", .port = 7000, .up = 7188, .down = 3822, .packets = 80}, 500, 100);
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, CallsOfAnApiAreNone)
{
    Rig rig;
    talk(rig, {.port = 443, .up = 1500, .down = 2800}, 200, 10);
    talk(rig, {.port = 9443, .up = 1300, .down = 5600}, 200, 10);
    talk(rig, {.port = 7777, .up = 1500, .down = 2800}, 200, 10, 0);
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, OurProgramsAtTheirDatabaseAreNoneButStrangersAre)
{
    Rig rig;
    talk(rig, {.source = "192.168.1.20", .port = 3306, .up = 700, .down = 800, .packets = 7}, 200, 10);
    EXPECT_EQ(named(rig), 0U);
    talk(rig, {.port = 3306, .up = 700, .down = 800, .packets = 7}, 40, 10);
    EXPECT_EQ(named(rig), 1U);
}

TEST(BruteLogin, ManyStrangersTogether)
{
    Rig rig;
    for (int i = 0; i < 80; i++)
        talk(rig, {.source = fmt::format("198.51.100.{}", i / 2)}, 1, 1, i % 5);
    const auto incidents = rig.incidents("brute.login");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_FALSE(incidents[0].finding.subject.source.has_value());
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), server);
}

TEST(BruteLogin, ConnectionsWithoutADialogueAreNone)
{
    Rig rig;
    talk(rig, {.up = 270, .down = 270, .packets = 3}, 200, 10);
    talk(rig, {.port = 445, .up = 3900, .down = 7 * 66 + 12, .packets = 7}, 200, 10);
    EXPECT_EQ(named(rig), 0U);
}

TEST(BruteLogin, StrangersOfOtherDaysAreNoCrowd)
{
    Rig rig;
    for (int i = 0; i < 60; i++) {
        talk(rig, {.source = fmt::format("198.51.100.{}", i + 1)}, 1);
        rig.tick(1'200);
    }
    for (int i = 0; i < 70; i++)
        talk(rig, {.source = guesser}, 1, 1, 12 + i % 7);
    for (const Incident &incident : rig.incidents("brute.login"))
        EXPECT_TRUE(incident.finding.subject.source) << incident.finding.explanation;
}

} // namespace
} // namespace flowguard::test
