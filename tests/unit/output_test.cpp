// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/output.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TEST(Output, GroupsDigits)
{
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(18446744073709551615ULL), "18,446,744,073,709,551,615");
}

TEST(Output, ReadsDurations)
{
    EXPECT_EQ(parse_duration("90")->count(), 90);
    EXPECT_EQ(parse_duration("90s")->count(), 90);
    EXPECT_EQ(parse_duration("15m")->count(), 900);
    EXPECT_EQ(parse_duration("1h")->count(), 3600);
    EXPECT_EQ(parse_duration("7d")->count(), 604800);
    for (const char *text : {"", "h", "0", "-5m", "1.5h", "1w", "1h30m", "99999999999999999999", "9999999999d"})
        EXPECT_EQ(parse_duration(text).error().code, ExitCode::Usage) << text;
}

} // namespace
} // namespace flowguard
