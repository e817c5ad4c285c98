// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

class NoveltyListener : public ::testing::Test {
  protected:
    static constexpr const char *server = "192.168.1.10";

    /// A connection with so many packets each way, the handshake among them.
    void connect(const std::string &client, std::uint16_t port, std::uint64_t packets = 5, std::uint16_t from = 50'000)
    {
        rig.send(FG_PROTO_TCP, {client, from}, {server, port}, {.packets = packets, .bytes = 100 * packets, .syn = 1});
        rig.send(FG_PROTO_TCP, {server, port}, {client, from},
                 {.packets = packets, .bytes = 100 * packets, .syn_ack = 1});
    }
    void learn()
    {
        for (unsigned i = 0; i < 7'200; i++) {
            if (i % 60 == 0) {
                connect("203.0.113.1", 443, 5, static_cast<std::uint16_t>(30'000 + i));
                connect("203.0.113.1", 21, 5, static_cast<std::uint16_t>(40'000 + i));
            }
            rig.tick();
        }
        rig.detection().baselines().trust();
    }
    std::vector<Incident> found() const { return rig.incidents("novelty.listener"); }

    Rig rig;
};

TEST_F(NoveltyListener, IsToldWithItsFirstConnection)
{
    learn();
    connect("203.0.113.9", 4444, 3);
    rig.tick();
    ASSERT_EQ(found().size(), 1U);
    const Finding finding = found()[0].finding;
    EXPECT_EQ(finding.severity, Severity::Medium) << "a stranger was served";
    EXPECT_EQ(finding.subject.target->to_string(), server);
    EXPECT_EQ(finding.subject.port, 4444);
    EXPECT_FALSE(finding.subject.source);
}

TEST_F(NoveltyListener, ForOurselvesOnlyIsLessSevere)
{
    learn();
    connect("192.168.1.77", 4444);
    rig.tick();
    ASSERT_EQ(found().size(), 1U);
    EXPECT_EQ(found()[0].finding.severity, Severity::Low);
}

TEST_F(NoveltyListener, ThatTalksLaterIsToldThen)
{
    learn();
    connect("203.0.113.9", 4444, 1);
    rig.tick();
    EXPECT_TRUE(found().empty());
    rig.send(FG_PROTO_TCP, {"203.0.113.9", 50'000}, {server, 4444}, {.packets = 2, .bytes = 200});
    rig.send(FG_PROTO_TCP, {server, 4444}, {"203.0.113.9", 50'000}, {.packets = 2, .bytes = 200});
    rig.tick();
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(NoveltyListener, ThatAScanFindsIsNotTold)
{
    learn();
    rig.send(FG_PROTO_TCP, {"203.0.113.9", 50'000}, {server, 8080}, {.packets = 2, .bytes = 120, .syn = 1, .rst = 1});
    rig.send(FG_PROTO_TCP, {server, 8080}, {"203.0.113.9", 50'000}, {.packets = 1, .bytes = 60, .syn_ack = 1});
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyListener, ThatIsKnownIsNotTold)
{
    learn();
    connect("203.0.113.9", 443);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyListener, OfPassiveFtpIsNotTold)
{
    learn();
    connect("203.0.113.9", 21, 5, 50'001);
    connect("203.0.113.9", 20'123);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyListener, OnAPortOfTheSystemsChoiceIsNotTold)
{
    learn();
    connect("203.0.113.9", 51'413);
    rig.tick();
    EXPECT_TRUE(found().empty());
    connect("203.0.113.9", 32'767);
    rig.tick();
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(NoveltyListener, IsNewsOnce)
{
    learn();
    for (int i = 0; i < 5; i++) { /* again each half hour: its incident has closed by then */
        connect("203.0.113.9", 4444, 5, static_cast<std::uint16_t>(50'000 + i));
        for (int minute = 0; minute < 30; minute++)
            rig.tick(60);
    }
    EXPECT_EQ(found().size(), 1U);
    EXPECT_TRUE(rig.detection().baselines().knows_service(*IpAddress::parse(server), FG_PROTO_TCP, 4444));
}

TEST_F(NoveltyListener, OfAHostThatIsNewItselfIsNotTold)
{
    learn();
    for (int i = 0; i < 3; i++) {
        rig.send(FG_PROTO_TCP, {"192.168.1.77", 40'000}, {"192.168.1.99", 80}, {.packets = 5, .bytes = 500, .syn = 1});
        rig.send(FG_PROTO_TCP, {"192.168.1.99", 80}, {"192.168.1.77", 40'000},
                 {.packets = 5, .bytes = 500, .syn_ack = 1});
        rig.tick();
    }
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyListener, BeforeAnythingIsKnownIsNotTold)
{
    connect("203.0.113.9", 4444);
    rig.tick();
    EXPECT_TRUE(found().empty());
}

} // namespace
} // namespace flowguard::test
