// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/distinct.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard {
namespace {

IpAddress address(unsigned i)
{
    return *IpAddress::parse(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255));
}

TEST(Distinct, IsExactForFew)
{
    Distinct distinct;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < Distinct::exact; i++)
            distinct.note(address(i));
    EXPECT_EQ(distinct.count(), Distinct::exact);
    EXPECT_EQ(distinct.first().front(), address(0));
}

TEST(Distinct, EstimatesMany)
{
    Distinct distinct;
    for (unsigned i = 0; i < 50'000; i++)
        distinct.note(address(i));
    EXPECT_NEAR(static_cast<double>(distinct.count()), 50'000, 50'000 * 0.05);
    EXPECT_EQ(distinct.first().size(), Distinct::exact);
}

TEST(Distinct, JoinsFewAndMany)
{
    Distinct few;
    for (unsigned i = 0; i < 10; i++)
        few.note(address(i));
    Distinct others;
    for (unsigned i = 5; i < 20; i++)
        others.note(address(i));
    few.join(others);
    EXPECT_EQ(few.count(), 20U);
    Distinct many;
    for (unsigned i = 10; i < 5'010; i++)
        many.note(address(i));
    few.join(many);
    EXPECT_NEAR(static_cast<double>(few.count()), 5'010, 5'010 * 0.05);
    few.clear();
    EXPECT_EQ(few.count(), 0U);
}

} // namespace
} // namespace flowguard
