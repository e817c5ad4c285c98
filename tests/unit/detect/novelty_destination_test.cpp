// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include "flowguard/detect/habits.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

/// A server that talks to one stranger, for two hours, and that is called normal.
class NoveltyDestination : public ::testing::Test {
  protected:
    static constexpr const char *server = "192.168.1.10";

    void exchange(const std::string &peer, std::uint64_t bytes, std::uint16_t port = 40000, bool answered = true)
    {
        rig.send(FG_PROTO_TCP, {server, port}, {peer, 443}, {.packets = 5, .bytes = bytes, .syn = 1});
        if (answered)
            rig.send(FG_PROTO_TCP, {peer, 443}, {server, port}, {.packets = 5, .bytes = 500, .syn_ack = 1});
    }
    void learn(unsigned new_peers_per_hour = 0)
    {
        for (unsigned i = 0; i < 7'200; i++) {
            if (i % 10 == 0)
                exchange("203.0.113.1", 1'000, static_cast<std::uint16_t>(30'000 + i / 10));
            if (new_peers_per_hour && i % (3'600 / new_peers_per_hour) == 0)
                exchange(fmt::format("203.0.{}.9", i / (3'600 / new_peers_per_hour)), 1'000);
            rig.tick();
        }
        rig.detection().baselines().trust();
    }
    std::vector<Incident> found() const { return rig.incidents("novelty.destination"); }

    Rig rig;
};

TEST_F(NoveltyDestination, WithMuchTrafficIsTold)
{
    learn();
    exchange("198.51.100.7", 1'100'000);
    rig.tick();
    ASSERT_EQ(found().size(), 1U);
    const Finding finding = found()[0].finding;
    EXPECT_EQ(finding.severity, Severity::Low);
    EXPECT_EQ(finding.subject.source->to_string(), server);
    EXPECT_EQ(finding.subject.target->to_string(), "198.51.100.7");
    EXPECT_NE(finding.explanation.find("1.10 MB sent"), std::string::npos) << finding.explanation;
}

TEST_F(NoveltyDestination, WithLittleTrafficIsNotTold)
{
    learn();
    exchange("198.51.100.7", 900'000);
    rig.tick();
    unsigned minutes = 1;
    for (; found().empty() && minutes < 20; minutes++) {
        exchange("198.51.100.7", 100, static_cast<std::uint16_t>(41'000 + minutes));
        rig.tick(60);
    }
    EXPECT_GE(minutes, 10U);
    EXPECT_LE(minutes, 11U) << "again and again";
}

TEST_F(NoveltyDestination, ThatIsKnownIsNotTold)
{
    learn();
    exchange("203.0.113.1", 50'000'000, 45'000);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyDestination, ThatNeverAnswersIsNotTold)
{
    learn();
    exchange("198.51.100.7", 5'000'000, 45'000, false);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyDestination, OfAHostThatMeetsStrangersAllDayIsNotTold)
{
    learn(20);
    exchange("198.51.100.7", 50'000'000);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyDestination, BeforeAnythingIsKnownIsNotTold)
{
    for (int i = 0; i < 100; i++) {
        exchange("203.0.113.1", 1'000);
        rig.tick();
    }
    exchange("198.51.100.7", 50'000'000);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyDestination, ManyAtOnceAreOneIncident)
{
    learn();
    for (unsigned i = 0; i < 60; i++) {
        exchange(fmt::format("198.51.100.{}", i + 1), 2'000, static_cast<std::uint16_t>(41'000 + i));
        rig.tick();
    }
    ASSERT_EQ(found().size(), 1U);
    EXPECT_FALSE(found()[0].finding.subject.target);
    EXPECT_GE(found()[0].finding.observed, 20);
}

TEST_F(NoveltyDestination, ThatOnlyResetsIsNotTold)
{
    learn();
    for (unsigned minute = 0; minute < 15; minute++) {
        const auto port = static_cast<std::uint16_t>(41'000 + minute);
        rig.send(FG_PROTO_TCP, {server, port}, {"198.51.100.7", 443}, {.packets = 1, .bytes = 74, .syn = 1});
        rig.send(FG_PROTO_TCP, {"198.51.100.7", 443}, {server, port}, {.packets = 1, .bytes = 60, .rst = 1}, 0.01);
        rig.tick(60);
    }
    EXPECT_TRUE(found().empty());
}

} // namespace
} // namespace flowguard::test
