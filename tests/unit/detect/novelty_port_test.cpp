// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"
#include "rig.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

constexpr auto host = "192.168.1.20";
constexpr auto stranger = "203.0.113.80";

class NoveltyPort : public ::testing::Test {
  protected:
    /// A connection that lasts so many ticks, with data both ways in each; `length` is the payload of a packet.
    void talk(const std::string &client, const std::string &server, std::uint16_t port, int ticks = 6,
              std::uint64_t length = 1'000)
    {
        const std::uint16_t from = next_++;
        for (int i = 0; i < ticks; i++) {
            rig.send(FG_PROTO_TCP, {client, from}, {server, port},
                     {.packets = 4, .bytes = 4 * (66 + length), .syn = i == 0});
            rig.send(FG_PROTO_TCP, {server, port}, {client, from},
                     {.packets = 4, .bytes = 4 * (66 + length), .syn_ack = i == 0}, 0.1);
            rig.tick();
        }
    }
    /// Two hours of the port, called normal.
    void learn(std::uint16_t port)
    {
        for (int i = 0; i < 7'200; i++) {
            if (i % 60 == 0)
                talk(host, "203.0.113.1", port, 1);
            else
                rig.tick();
        }
        rig.detection().baselines().trust();
    }
    void look_up() { rig.dns(dns_response(host, "192.168.1.1", "files.example.com", 1, {203, 0, 113, 80})); }
    std::vector<Incident> found() const { return rig.incidents("novelty.port"); }

    Rig rig;
    static constexpr std::uint64_t typed = 60; ///< bytes, of a command line

  private:
    std::uint16_t next_ = 50'000;
};

TEST_F(NoveltyPort, OfAStrangerIsTold)
{
    talk(host, stranger, 4444);
    ASSERT_EQ(found().size(), 1U);
    EXPECT_EQ(found()[0].finding.severity, Severity::Low);
    EXPECT_EQ(found()[0].finding.subject.source->to_string(), host);
    EXPECT_EQ(found()[0].finding.subject.target->to_string(), stranger);
    EXPECT_EQ(found()[0].finding.subject.port, 4444);
}

TEST_F(NoveltyPort, OfAKnownServiceIsNone)
{
    talk(host, stranger, 443);
    talk(host, stranger, 8080);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, WithoutAnswerOrDataIsNone)
{
    rig.send(FG_PROTO_TCP, {host, 50'000}, {stranger, 4444}, {.packets = 3, .bytes = 180, .syn = 3});
    rig.tick();
    talk(host, stranger, 4444, 6, 0);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, OfACaptureThatBeganLaterIsNone)
{
    for (int i = 0; i < 6; i++) {
        rig.send(FG_PROTO_TCP, {host, 50'000}, {stranger, 4444}, {.packets = 4, .bytes = 4'000});
        rig.send(FG_PROTO_TCP, {stranger, 4444}, {host, 50'000}, {.packets = 4, .bytes = 4'000}, 0.1);
        rig.tick();
    }
    EXPECT_TRUE(found().empty()) << "who opened it is not known";
}

TEST_F(NoveltyPort, OfAServerThatWasLookedUpIsNone)
{
    look_up();
    talk(host, stranger, 4444);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, OfAServerThatWasLookedUpIsToldIfItLooksLikeACommandLine)
{
    look_up();
    talk(host, stranger, 4444, 8, typed);
    ASSERT_EQ(found().size(), 1U);
    EXPECT_NE(found()[0].finding.explanation.find("command line"), std::string::npos);
}

TEST_F(NoveltyPort, InsideIsToldOnlyIfItLooksLikeACommandLine)
{
    talk(host, "192.168.1.77", 4444);
    EXPECT_TRUE(found().empty());
    talk(host, "192.168.1.77", 5555, 8, typed);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(NoveltyPort, AgreedOnByFtpIsNone)
{
    talk(host, stranger, 21, 2, 20);
    talk(host, stranger, 60'123);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, OfPeerToPeerIsNone)
{
    for (int i = 0; i < 12; i++) /* all at once, as a client of a swarm does */
        for (const bool begins : {true, false}) {
            const std::string peer = fmt::format("203.0.113.{}", i + 1);
            const auto port = static_cast<std::uint16_t>(20'000 + 17 * i);
            const auto from = static_cast<std::uint16_t>(51'000 + i);
            rig.send(FG_PROTO_TCP, {host, from}, {peer, port}, {.packets = 5, .bytes = 4'000, .syn = begins});
            rig.send(FG_PROTO_TCP, {peer, port}, {host, from}, {.packets = 5, .bytes = 4'000, .syn_ack = begins});
        }
    for (int i = 0; i < 10; i++)
        rig.tick();
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, OfAServiceWithSeveralClientsIsNone)
{
    for (int client = 1; client <= 3; client++)
        talk(fmt::format("192.168.1.{}", client), "192.168.1.77", 7777, 1, typed);
    talk(host, "192.168.1.77", 7777, 8, typed);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, OfAProductOnTwoHostsIsNone)
{
    talk("192.168.1.31", stranger, 7777, 1);
    talk("192.168.1.32", "203.0.113.81", 7777, 1);
    talk("192.168.1.31", stranger, 7777);
    EXPECT_TRUE(found().empty());
}

TEST_F(NoveltyPort, IsToldOnceADay)
{
    talk(host, stranger, 4444);
    for (int i = 0; i < 20; i++)
        rig.tick(60);
    talk(host, "203.0.113.81", 4444);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(NoveltyPort, IsWorseWhereItIsKnownWhatIsNormal)
{
    learn(443);
    talk(host, stranger, 4444, 8, typed);
    ASSERT_EQ(found().size(), 1U);
    EXPECT_EQ(found()[0].finding.severity, Severity::Medium);
}

TEST_F(NoveltyPort, ThatWasUsedBeforeIsNone)
{
    learn(4444);
    const std::size_t before = found().size(); /* the first time, when it was not known yet */
    talk(host, stranger, 4444, 8, typed);
    EXPECT_EQ(found().size(), before);
}

} // namespace
} // namespace flowguard::test
