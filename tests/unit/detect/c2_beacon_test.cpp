// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"
#include "rig.h"

#include <gtest/gtest.h>

#include <random>

namespace flowguard::test {
namespace {

constexpr auto host = "192.168.1.20";
constexpr auto master = "203.0.113.80";

struct Call {
    std::string client = host;
    std::string server = master;
    std::uint16_t port = 443;
    std::uint64_t up = 600;
    std::uint64_t down = 900;
    std::uint8_t proto = FG_PROTO_TCP;
    bool kept = false; ///< within one connection
};

class C2Beacon : public ::testing::Test {
  protected:
    /// A request and its answer: a connection of its own, or one more of a connection that stays open.
    void call(const Call &each, double at = 0)
    {
        const bool opens = each.proto == FG_PROTO_TCP && (!each.kept || !open_);
        open_ = true;
        const std::uint16_t from = each.kept ? 50'000 : next_port();
        const std::uint64_t headers = each.proto == FG_PROTO_TCP ? 4 * 66 : 4 * 42;
        rig.send(each.proto, {each.client, from}, {each.server, each.port},
                 {.packets = 4, .bytes = headers + each.up, .syn = opens}, at);
        rig.send(each.proto, {each.server, each.port}, {each.client, from},
                 {.packets = 4, .bytes = headers + each.down, .syn_ack = opens}, at + 0.05);
    }
    std::uint16_t next_port() { return static_cast<std::uint16_t>(30'000 + calls_++ % 20'000); }

    /// So many calls, each `period` seconds after the last, give or take `jitter` of it.
    void calls(unsigned count, const Call &each, double period, double jitter = 0)
    {
        std::uniform_real_distribution<double> spread(1 - jitter, 1 + jitter);
        double next = elapsed_ + 1;
        for (unsigned i = 0; i < count; i++, next += period * spread(random_)) {
            pass_until(next);
            call(each, next - elapsed_);
        }
        pass_until(next);
        rig.tick();
        elapsed_ += 1;
    }
    void pass_until(double when)
    {
        for (; elapsed_ + 1 <= when; elapsed_ += 1)
            rig.tick();
    }
    /// All of them each minute, a moment apart.
    void each_minute(unsigned count, const std::vector<Call> &together)
    {
        for (unsigned i = 0; i < count; i++) {
            for (std::size_t next = 0; next < together.size(); next++)
                call(together[next], 0.1 * static_cast<double>(next));
            pass_until(60.0 * (i + 1));
        }
    }
    std::vector<Incident> found() const { return rig.incidents("c2.beacon"); }

    Rig rig;

  private:
    std::mt19937 random_{1}; // NOLINT(cert-msc51-cpp): the same each time
    double elapsed_ = 0;
    unsigned calls_ = 0;
    bool open_ = false;
};

TEST_F(C2Beacon, OfAMinuteIsNamedWithinTwelvePeriods)
{
    calls(12, {}, 60);
    ASSERT_EQ(found().size(), 1U);
    const Finding finding = found()[0].finding;
    EXPECT_EQ(finding.subject.source->to_string(), host);
    EXPECT_EQ(finding.subject.target->to_string(), master);
    EXPECT_EQ(finding.subject.port, 443);
    EXPECT_NE(finding.explanation.find("every 60.0 s"), std::string::npos) << finding.explanation;
    EXPECT_EQ(finding.suggestion, "flowguard block 203.0.113.80 --both --for 1h");
}

TEST_F(C2Beacon, OfFewRequestsIsNone)
{
    calls(9, {}, 60);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, WithJitterNeedsMoreRequests)
{
    calls(12, {}, 60, 0.4);
    EXPECT_TRUE(found().empty());
    calls(40, {}, 60, 0.4);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(C2Beacon, OverUdpIsNamedToo)
{
    calls(12, {.port = 8081, .proto = FG_PROTO_UDP}, 60);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(C2Beacon, PeopleAskAtUnevenTimes)
{
    std::mt19937 random(7); // NOLINT(cert-msc51-cpp): the same each time
    std::exponential_distribution<double> gap(1 / 60.0);
    for (int i = 0; i < 80; i++)
        calls(1, {}, 2 + gap(random));
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, AnswersThatDifferAreNone)
{
    for (unsigned i = 0; i < 30; i++)
        calls(1, {.down = 500 + 9'000U * (i % 5)}, 60);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, LargeAnswersAreNone)
{
    calls(20, {.down = 60'000}, 60);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, KeepAlivesAreNone)
{
    calls(20, {.up = 60, .down = 60, .kept = true}, 60);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, AMonitoringOfThreeServersIsNone)
{
    each_minute(20, {{.server = "203.0.113.1"}, {.server = "203.0.113.2"}, {.server = "203.0.113.3"}});
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, OfTwoMastersAreBothNamed)
{
    each_minute(20, {{.server = "203.0.113.1"}, {.server = "203.0.113.2"}});
    EXPECT_EQ(found().size(), 2U);
}

TEST_F(C2Beacon, AProductOfThreeHostsIsNone)
{
    each_minute(20, {{.client = "192.168.1.1"}, {.client = "192.168.1.2"}, {.client = "192.168.1.3"}});
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, AKeptConnectionWithANameIsAHeartBeat)
{
    rig.dns(dns_response(host, "192.168.1.1", "chat.example.com", 1, {203, 0, 113, 80}));
    calls(20, {.kept = true}, 30);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, AKeptConnectionWithoutANameIsNamed)
{
    calls(20, {.kept = true}, 30);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(C2Beacon, ANameDoesNotExcuseThatItConnectsEachTime)
{
    rig.dns(dns_response(host, "192.168.1.1", "cdn.example.com", 1, {203, 0, 113, 80}));
    calls(20, {}, 30);
    ASSERT_EQ(found().size(), 1U);
    EXPECT_NE(found()[0].finding.explanation.find("cdn.example.com"), std::string::npos);
}

TEST_F(C2Beacon, ServicesInsideArePolledEvenly)
{
    calls(20, {.server = "192.168.1.5", .port = 5432}, 30);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, TheWebInsideIsNamed)
{
    calls(20, {.server = "192.168.1.5", .port = 8080}, 30);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(C2Beacon, ClocksByTradeAreNone)
{
    calls(20, {.port = 123, .proto = FG_PROTO_UDP}, 64);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, StrangersThatAskUsEvenlyAreNone)
{
    calls(20, {.client = master, .server = host}, 60);
    EXPECT_TRUE(found().empty());
}

TEST_F(C2Beacon, ClosesWhenItFallsSilent)
{
    calls(12, {}, 30);
    ASSERT_EQ(found().size(), 1U);
    EXPECT_TRUE(found()[0].open);
    for (int i = 0; i < 200; i++)
        rig.tick();
    EXPECT_FALSE(found()[0].open);
}

} // namespace
} // namespace flowguard::test
