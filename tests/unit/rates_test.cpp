// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rates.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TEST(Rates, ConstantTrafficIsTheSameOverEveryWindow)
{
    RateClock clock;
    RateWindow window;
    for (int tick = 1; tick <= 100; tick++) {
        clock.advance(1.0);
        window.add(clock, 500);
        const Rates rates = window.rates(clock);
        ASSERT_DOUBLE_EQ(rates.over_2s, 500) << tick;
        ASSERT_DOUBLE_EQ(rates.over_10s, 500) << tick;
        ASSERT_DOUBLE_EQ(rates.over_40s, 500) << tick;
    }
}

TEST(Rates, ABurstLeavesEachWindowInTime)
{
    RateClock clock;
    RateWindow window;
    for (int i = 0; i < 50; i++)
        clock.advance(1.0);
    window.add(clock, 1000);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 500);
    clock.advance(1.0);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 500);
    clock.advance(1.0);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 0);
    EXPECT_GT(window.rates(clock).over_10s, 0);
    for (int i = 0; i < 10; i++)
        clock.advance(1.0);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_10s, 0);
    EXPECT_GT(window.rates(clock).over_40s, 0);
    for (int i = 0; i < 40; i++)
        clock.advance(1.0);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_40s, 0);
}

TEST(Rates, UnevenTicksAreWeighedByTheirLength)
{
    RateClock clock;
    RateWindow window;
    clock.advance(0.5);
    window.add(clock, 50);
    clock.advance(1.5);
    window.add(clock, 150);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 100);
}

TEST(Rates, ShortTicksFillTheSameSeconds)
{
    RateClock clock(10);
    RateWindow window;
    for (int tick = 0; tick < 200; tick++) {
        clock.advance(0.1);
        window.add(clock, 10);
    }
    EXPECT_NEAR(window.rates(clock).over_2s, 100, 0.01);
    for (int tick = 0; tick < 20; tick++)
        clock.advance(0.1);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 0);
    EXPECT_GT(window.rates(clock).over_10s, 0);
}

TEST(Rates, BeforeTheFirstTickThereIsNoRate)
{
    RateClock clock;
    RateWindow window;
    window.add(clock, 1000);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 0);
    clock.advance(1.0);
    EXPECT_DOUBLE_EQ(window.rates(clock).over_2s, 0);
}

} // namespace
} // namespace flowguard
