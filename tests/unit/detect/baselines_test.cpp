// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include "flowguard/detect/baselines_codec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs hour = 3'600 * second;
const IpAddress host = *IpAddress::parse("192.168.1.10");

class BaselinesTest : public ::testing::Test {
  protected:
    /// One tick in which the host receives so many packets of 1,000 bytes from a stranger, and answers.
    void tick(std::uint64_t packets, double seconds = 1, const std::string &peer = "203.0.113.5")
    {
        if (packets > 0) {
            rig.send(FG_PROTO_UDP, {"192.168.1.10", 40000}, {peer, 5000}, {.packets = 1, .bytes = 100});
            rig.send(FG_PROTO_UDP, {peer, 5000}, {"192.168.1.10", 40000},
                     {.packets = packets, .bytes = 1000 * packets});
        }
        rig.tick(seconds);
    }
    void ticks(unsigned count, std::uint64_t packets)
    {
        for (unsigned i = 0; i < count; i++)
            tick(packets);
    }
    Baselines &baselines() { return rig.detection().baselines(); }
    Forecast forecast(Quantity quantity = Quantity::PacketsIn)
    {
        return baselines().forecast({.host = host, .quantity = quantity}, rig.now());
    }

    Rig rig{quiet()};

  private:
    /// Without detectors: what they find would freeze what is to be learnt.
    static DetectionConfig quiet()
    {
        DetectionConfig config;
        for (const DetectorInfo *info : catalogue())
            config.disabled.emplace(info->id);
        return config;
    }
};

TEST_F(BaselinesTest, SayOpenlyHowFarTheyAre)
{
    EXPECT_EQ(forecast().maturity, Maturity::None);
    ticks(59, 10);
    EXPECT_EQ(forecast().maturity, Maturity::None);
    ticks(10, 10);
    EXPECT_EQ(forecast().maturity, Maturity::Warming);
    ticks(1'740, 10);
    EXPECT_EQ(forecast().maturity, Maturity::Ready);
    EXPECT_NEAR(forecast().expected(), 10, 2);
    EXPECT_NEAR(forecast(Quantity::BitsIn).expected(), 80'000, 12'000);
    EXPECT_NEAR(baselines().forecast({.quantity = Quantity::PacketsIn}, rig.now()).expected(), 10, 2) << "all traffic";
    EXPECT_EQ(baselines().forecast({.host = *IpAddress::parse("10.0.0.1")}, rig.now()).maturity, Maturity::None);
}

TEST_F(BaselinesTest, DoNotAlarmOnOneMore)
{
    ticks(1'900, 1);
    EXPECT_LT(forecast().deviations(2), 3);
    EXPECT_GT(forecast().deviations(100), 6);
}

TEST_F(BaselinesTest, CountSilenceWithoutTouchingIt)
{
    ticks(600, 100);
    EXPECT_GT(forecast().expected(), 80);
    ticks(1'200, 0);
    EXPECT_EQ(forecast().expected() < 60, true) << "two thirds were silent";
    ticks(50'000, 0);
    EXPECT_EQ(forecast().expected(), 0);
}

TEST_F(BaselinesTest, KeepAnHourWhenTheNextOneBegins)
{
    ticks(5'000, 50); /* the rig begins at 22:13:20: 2,800 seconds of that hour, and more of the next */
    EXPECT_EQ(forecast().maturity, Maturity::Ready);
    EXPECT_NEAR(forecast().expected(), 50, 10);
    EXPECT_NEAR(
        baselines().forecast({.host = host, .quantity = Quantity::PacketsIn}, rig.now() + 90 * 24 * hour).expected(),
        50, 10);
}

TEST_F(BaselinesTest, SurviveClocksThatLeap)
{
    ticks(2'000, 50);
    tick(50, 3.2e9); /* a hundred years */
    ticks(100, 50);
    EXPECT_NEAR(forecast().expected(), 50, 10);
    EXPECT_TRUE(baselines().knows_peer(*IpAddress::parse("203.0.113.5"))) << "years of absence make nothing forgotten";
    EXPECT_LT(baselines().state().clock, 2'800U) << "a leap is no watching";
    tick(50, -3.2e9);
    ticks(2'000, 50);
    EXPECT_EQ(forecast().maturity, Maturity::Ready);
    EXPECT_NEAR(forecast().expected(), 50, 10);
    tick(50, -1.6e9 * 1.2); /* before 1970 */
    ticks(2'000, 50);
    EXPECT_NEAR(forecast().expected(), 50, 10);
}

TEST_F(BaselinesTest, TakeShortTicksAsSamples)
{
    for (int i = 0; i < 8'000; i++)
        tick(10, 0.25);
    EXPECT_EQ(baselines().state().clock, 2'000U);
    EXPECT_EQ(forecast().maturity, Maturity::Ready);
}

TEST_F(BaselinesTest, KnowPeersPortsAndServicesThatAnswered)
{
    const auto address = [](const char *text) { return *IpAddress::parse(text); };
    EXPECT_EQ(baselines().knowledge(), Maturity::None);
    rig.send(FG_PROTO_TCP, {"192.168.1.10", 40000}, {"203.0.113.1", 443}, {.packets = 1, .bytes = 60, .syn = 1});
    rig.send(FG_PROTO_TCP, {"203.0.113.1", 443}, {"192.168.1.10", 40000}, {.packets = 1, .bytes = 60, .syn_ack = 1});
    rig.send(FG_PROTO_TCP, {"192.168.1.10", 40001}, {"203.0.113.2", 444}, {.packets = 1, .bytes = 60, .syn = 1});
    rig.send(FG_PROTO_TCP, {"203.0.113.2", 444}, {"192.168.1.10", 40001}, {.packets = 1, .bytes = 60, .rst = 1});
    rig.send(FG_PROTO_TCP, {"203.0.113.3", 50000}, {"192.168.1.10", 22}, {.packets = 1, .bytes = 60, .syn = 1});
    rig.send(FG_PROTO_TCP, {"192.168.1.10", 22}, {"203.0.113.3", 50000}, {.packets = 1, .bytes = 60, .syn_ack = 1});
    rig.send(FG_PROTO_TCP, {"203.0.113.3", 50001}, {"192.168.1.10", 23}, {.packets = 1, .bytes = 60, .syn = 1});
    rig.send(FG_PROTO_TCP, {"192.168.1.10", 23}, {"203.0.113.3", 50001}, {.packets = 1, .bytes = 60, .rst = 1});
    rig.tick();
    EXPECT_TRUE(baselines().knows_peer(address("203.0.113.1")));
    EXPECT_FALSE(baselines().knows_remote_port(FG_PROTO_TCP, 443)) << "the connection goes on, and may be told of";
    EXPECT_FALSE(baselines().knows_peer(address("203.0.113.2"))) << "a reset is no exchange";
    EXPECT_FALSE(baselines().knows_remote_port(FG_PROTO_TCP, 444));
    EXPECT_FALSE(baselines().knows_peer(address("203.0.113.3"))) << "a SYN may be forged";
    EXPECT_TRUE(baselines().knows_service(host, FG_PROTO_TCP, 22));
    EXPECT_FALSE(baselines().knows_service(host, FG_PROTO_UDP, 22));
    EXPECT_FALSE(baselines().knows_service(host, FG_PROTO_TCP, 23));
    EXPECT_EQ(baselines().knowledge(), Maturity::Warming);
    ticks(86'400, 0);
    EXPECT_EQ(baselines().knowledge(), Maturity::Ready);
    EXPECT_TRUE(baselines().knows_remote_port(FG_PROTO_TCP, 443));
    EXPECT_FALSE(baselines().knows_remote_port(FG_PROTO_TCP, 444));
}

TEST_F(BaselinesTest, ForgetWhatWasNotUsedForThirtyDays)
{
    tick(1, 1, "203.0.113.1");
    const auto days = [&](int count) {
        for (int i = 0; i < count * 1'440; i++)
            rig.tick(60);
    };
    days(29);
    EXPECT_TRUE(baselines().knows_peer(*IpAddress::parse("203.0.113.1")));
    days(3);
    EXPECT_FALSE(baselines().knows_peer(*IpAddress::parse("203.0.113.1")));
    EXPECT_EQ(baselines().habits(host), nullptr) << "and the host itself";
}

TEST_F(BaselinesTest, AreTrustedAfterAnHourThatSomebodyCallsNormal)
{
    ticks(1'900, 10);
    baselines().trust();
    EXPECT_EQ(baselines().knowledge(), Maturity::Warming);
    ticks(2'000, 10);
    baselines().trust();
    EXPECT_EQ(baselines().knowledge(), Maturity::Ready);
    const Habits *habits = baselines().habits(host);
    ASSERT_TRUE(habits);
    EXPECT_EQ(baselines().maturity(*habits), Maturity::Ready);
    EXPECT_NEAR(habits->share[1].location, 1, 0.01) << "all UDP";
}

TEST_F(BaselinesTest, CountNewPeersPerHour)
{
    for (int i = 0; i < 2'700; i++)
        tick(1, 1, fmt::format("203.0.{}.{}", i / 100 % 100, 7));
    baselines().trust();
    EXPECT_NEAR(std::expm1(baselines().habits(host)->new_peers.location), 27 * 3600 / 2700.0, 2);
}

TEST_F(BaselinesTest, ForgetAHostOnDemand)
{
    ticks(100, 10);
    EXPECT_TRUE(baselines().reset(host));
    EXPECT_FALSE(baselines().reset(host));
    EXPECT_EQ(forecast().maturity, Maturity::None);
}

TEST_F(BaselinesTest, AreBounded)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10'000; i++) {
            const std::string ours = fmt::format("10.{}.{}.{}", round, i / 250, i % 250 + 1);
            rig.send(FG_PROTO_UDP, {ours, 40000}, {fmt::format("203.{}.{}.9", i / 250, i % 250), 53},
                     {.packets = 5, .bytes = 500});
            rig.send(FG_PROTO_UDP, {fmt::format("203.{}.{}.9", i / 250, i % 250), 53}, {ours, 40000},
                     {.packets = 5, .bytes = 5'000});
        }
        rig.tick();
        for (int i = 0; i < 65; i++)
            rig.tick(60);
    }
    const BaselineState &state = baselines().state();
    EXPECT_LE(state.hosts, BaselineState::max_hosts);
    EXPECT_GT(state.refused, 0U);
    EXPECT_TRUE(baselines().habits(*IpAddress::parse("10.2.0.1")) || state.hosts == BaselineState::max_hosts);
    EXPECT_LT(baselines().memory(), 32U << 20);
}

TEST(Frozen, HostsUnderAnIncidentAreNotLearntForADay)
{
    DetectionConfig config;
    for (const DetectorInfo *info : catalogue())
        if (info->id != "dos.syn_flood")
            config.disabled.emplace(info->id);
    Rig rig(config);
    const auto calm = [&rig] {
        rig.send(FG_PROTO_TCP, {"198.51.100.1", 50000}, {"192.168.1.10", 443}, {.packets = 5, .bytes = 500});
        rig.send(FG_PROTO_TCP, {"192.168.1.10", 443}, {"198.51.100.1", 50000}, {.packets = 5, .bytes = 5'000});
    };
    const auto flood = [&rig, &calm] {
        calm();
        for (unsigned i = 0; i < 60; i++)
            rig.send(FG_PROTO_TCP, {fmt::format("203.0.113.{}", i + 1), 40000}, {"192.168.1.10", 443},
                     {.packets = 100, .bytes = 6'000, .syn = 100});
    };
    const auto expected = [&rig](const SeriesKey &key) {
        return rig.detection().baselines().forecast(key, rig.now()).expected();
    };
    const SeriesKey ours{.host = host, .quantity = Quantity::PacketsIn};
    const SeriesKey all{.quantity = Quantity::PacketsIn};
    for (int i = 0; i < 2'000; i++) {
        calm();
        rig.tick();
    }
    EXPECT_NEAR(expected(ours), 5, 1.5);
    for (int i = 0; i < 3'000; i++) {
        flood();
        rig.tick();
    }
    ASSERT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
    EXPECT_NEAR(expected(ours), 5, 1.5) << "an attack is not learnt";
    EXPECT_NEAR(expected(all), 5, 1.5);
    for (int i = 0; i < 1'400; i++) {
        flood();
        rig.tick(60);
    }
    for (int i = 0; i < 2 * 24 * 60; i++) {
        flood();
        rig.tick(60);
    }
    EXPECT_GT(expected(ours), 20) << "after a day it is how things are now (per second, of ticks of a minute)";
}

} // namespace
} // namespace flowguard::test
