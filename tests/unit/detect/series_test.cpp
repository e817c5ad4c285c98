// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/series.h"

#include <gtest/gtest.h>

#include <cmath>

namespace flowguard::test {
namespace {

TEST(Histogram, OfSilenceIsZeroWithTheLeastScale)
{
    const Level level = Histogram().level(3600);
    EXPECT_EQ(level.location, 0);
    EXPECT_EQ(level.scale, Level::floor);
}

TEST(Histogram, OfAConstantIsThatConstantAndToleratesAFewMore)
{
    Histogram histogram;
    histogram.add(1000, 3600);
    const Level level = histogram.level(3600);
    EXPECT_NEAR(level.location, std::log1p(1000), Histogram::step / 2);
    EXPECT_EQ(level.scale, Level::floor);
    EXPECT_LT((std::log1p(1001) - level.location) / level.scale, 1);
}

TEST(Histogram, IsNotMovedByAFewWildSeconds)
{
    Histogram histogram;
    histogram.add(1000, 3590);
    histogram.add(1e9, 10);
    const Level level = histogram.level(3600);
    EXPECT_NEAR(level.location, std::log1p(1000), Histogram::step / 2);
    EXPECT_EQ(level.scale, Level::floor);
}

TEST(Histogram, CallsBurstsNormalThatComeEachHour)
{
    Histogram histogram;
    histogram.add(1e6, 60); /* a minute of each hour, the rest is silence */
    const Level level = histogram.level(3600);
    const auto deviations = [&](double value) { return (std::log1p(value) - level.location) / level.scale; };
    EXPECT_LT(deviations(1e6), 3);
    EXPECT_GT(deviations(1e8), 6) << "a hundred times the bursts is not";
}

TEST(Histogram, SpreadsAsItsLogarithmsDo)
{
    Histogram histogram;
    for (int i = 0; i < 3600; i++) /* quantiles of a normal distribution with scale 0.5, by its logistic likeness */
        histogram.add(std::expm1(8 + 0.5 * std::log((i + 0.5) / (3600 - i - 0.5)) / 1.702), 1);
    const Level level = histogram.level(3600);
    EXPECT_NEAR(level.location, 8, 0.1);
    EXPECT_NEAR(level.scale, 0.5, 0.15);
}

TEST(Histogram, CountsSilentSecondsThatWereNeverAdded)
{
    Histogram histogram;
    histogram.add(1000, 10);
    EXPECT_GT(histogram.level(10).location, 6);
    EXPECT_EQ(histogram.level(10'000).location, 0) << "10 of 10,000 seconds are less than the 0.5 % that count";
}

TEST(Histogram, TakesValuesWithoutBounds)
{
    Histogram histogram;
    histogram.add(1e300, 70'000);
    histogram.add(-5, 1);
    EXPECT_LE(histogram.counts().size(), Histogram::max_buckets);
    EXPECT_GT(histogram.level(70'000).location, 27);
}

TEST(Slot, KeepsALevelInSixteenBits)
{
    for (double location = 0; location < 28; location += 0.37)
        for (double scale = Level::floor; scale < 4; scale *= 1.3) {
            const Slot slot({.location = location, .scale = scale}, 2);
            EXPECT_NEAR(slot.level().location, location, 0.028);
            EXPECT_NEAR(slot.level().scale / scale, 1, 0.065);
            EXPECT_EQ(slot.weeks(), 2U);
        }
    EXPECT_EQ(Slot({.location = 99, .scale = 99}, 9).weeks(), 3U);
    EXPECT_FALSE(Slot().learnt());
}

struct Learner {
    Series series;
    Hours known;

    void hour(std::size_t hour, double value, std::uint32_t seconds = 3600)
    {
        if (value > 0)
            series.current.add(value, seconds);
        series.fold(hour, seconds, known);
        known.set(hour);
    }
    double usual(std::size_t hour) const { return std::expm1(series.usual(hour, known).location); }
};

TEST(Series, FallsBackFromTheHourToTheDayToAll)
{
    Learner learner;
    for (std::size_t hour = 0; hour < 24; hour++)
        learner.hour(hour, hour == 9 ? 10'000 : 100);
    EXPECT_NEAR(learner.usual(9), 10'000, 2'000);
    EXPECT_NEAR(learner.usual(24 + 9), 10'000, 2'000) << "as at nine yesterday";
    EXPECT_NEAR(learner.usual(24 + 10), 100, 20);
    Learner young;
    young.hour(3, 100);
    EXPECT_NEAR(young.usual(100), 100, 20);
    EXPECT_GT(young.series.usual(100, young.known).scale, 0.5) << "of other hours too little is known";
}

TEST(Series, OfSilenceTakesNoMemoryAndRemembersItOnceThereIsTraffic)
{
    Learner learner;
    for (std::size_t hour = 0; hour < 20; hour++)
        learner.hour(hour, 0);
    EXPECT_EQ(learner.series.slots(), nullptr);
    EXPECT_EQ(learner.usual(5), 0);
    learner.hour(20, 5'000);
    EXPECT_EQ(learner.usual(5), 0);
    EXPECT_NEAR(learner.usual(20), 5'000, 1'000);
}

TEST(Series, IsNotMovedMuchByOneStrangeWeek)
{
    Learner learner;
    for (int week = 0; week < 4; week++)
        learner.hour(50, 1'000);
    learner.hour(50, 1e9);
    EXPECT_LT(learner.usual(50), 3'000);
}

TEST(Series, AdoptsALastingChangeWithinDays)
{
    Learner learner;
    for (std::size_t hour = 0; hour < 2 * hours_in_week; hour++)
        learner.hour(hour % hours_in_week, 1'000);
    std::size_t hours = 0;
    while (learner.usual(hours % hours_in_week) < 50'000 && hours < 1'000)
        learner.hour(hours++ % hours_in_week, 100'000);
    EXPECT_GE(hours, 12U) << "an afternoon is no lasting change";
    EXPECT_LE(hours, 72U);
}

} // namespace
} // namespace flowguard::test
