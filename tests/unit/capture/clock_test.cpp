// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs now = 1'700'000'000 * second;
constexpr TimeNs year = 365 * 24 * 3600 * second;

TEST(CaptureClock, StandsStillWhenTimeGoesBack)
{
    CaptureClock clock;
    EXPECT_EQ(clock.at(now), now);
    EXPECT_EQ(clock.at(now - 30 * second), now);
    EXPECT_EQ(clock.at(now - year), now);
    EXPECT_EQ(clock.at(std::nullopt), now);
    EXPECT_EQ(clock.at(now + second), now + second);
}

TEST(CaptureClock, OnePacketMovesNobodyIntoAnotherCentury)
{
    CaptureClock clock;
    clock.at(now);
    EXPECT_EQ(clock.at(now + 80 * year), now);
    EXPECT_EQ(clock.at(now + second), now + second);
    EXPECT_EQ(clock.set_back(), 0U);
}

TEST(CaptureClock, LeapsAreBelievedWhenTheNextPacketAgrees)
{
    CaptureClock clock;
    clock.at(now);
    clock.at(now + 3 * year);
    EXPECT_EQ(clock.at(now + 3 * year + second), now + 3 * year + second);
    /* A capture whose packets are days apart */
    EXPECT_EQ(clock.at(now + 4 * year), now + 3 * year + second);
    EXPECT_EQ(clock.at(now + 5 * year), now + 5 * year);
}

TEST(CaptureClock, CountsOnWhenItIsSetBackForGood)
{
    CaptureClock clock;
    clock.at(now);
    for (int i = 0; i < 300; i++)
        clock.at(now - year + i * second);
    EXPECT_EQ(clock.set_back(), 1U);
    EXPECT_EQ(clock.at(now - year + 300 * second), now + 45 * second) << "256 packets until it was believed";
}

TEST(CaptureClock, InterfacesMayHaveClocksThatDiffer)
{
    CaptureClock clock;
    for (int i = 0; i < 10'000; i++) {
        clock.at(now + i * second);
        clock.at(now + i * second - 3600 * second);
    }
    EXPECT_EQ(clock.now(), now + 9'999 * second);
}

TEST(CaptureClock, BeginsAndEndsOfTime)
{
    CaptureClock clock;
    EXPECT_EQ(clock.at(0), 1) << "0 is no time";
    clock.at(std::numeric_limits<TimeNs>::max());
    EXPECT_LT(clock.at(std::numeric_limits<TimeNs>::max()), std::numeric_limits<TimeNs>::max() - year);
}

} // namespace
} // namespace flowguard
