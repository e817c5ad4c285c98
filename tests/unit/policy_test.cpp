// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/policy.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

std::string why_not(const char *target)
{
    const std::vector<Protected> protect{{IpAddress::parse("10.0.0.1").value(), "the default gateway"}};
    return refusal(IpPrefix::parse(target).value(), protect).value_or("");
}

TEST(Refusal, NamesWhatIsProtected)
{
    EXPECT_EQ(why_not("10.0.0.1"), "is the default gateway");
    EXPECT_EQ(why_not("10.0.0.0/8"), "contains 10.0.0.1, the default gateway,");
    EXPECT_EQ(why_not("127.0.0.9"), "is this host itself");
    EXPECT_EQ(why_not("127.0.0.0/16"), "is this host itself");
    EXPECT_EQ(why_not("::1"), "is this host itself");
    EXPECT_EQ(why_not("0.0.0.0"), "is no single host");
    EXPECT_EQ(why_not("224.0.0.251"), "is a multicast or broadcast address");
    EXPECT_EQ(why_not("239.0.0.0/8"), "is a multicast or broadcast address");
    EXPECT_EQ(why_not("ff00::/8"), "is a multicast or broadcast address");
    EXPECT_EQ(why_not("64.0.0.0/2"), "contains 127.0.0.1, this host itself,");
    EXPECT_EQ(why_not("192.0.0.0/2"), "contains 224.0.0.1, a multicast or broadcast address,");
    EXPECT_EQ(why_not("f000::/4"), "contains ff02::1, a multicast or broadcast address,");
}

TEST(Refusal, LetsAllElsePass)
{
    for (const char *target :
         {"10.0.0.2", "10.0.1.0/24", "192.0.2.0/24", "2001:db8::/32", "2000::/3", "255.255.255.0/25"})
        EXPECT_EQ(why_not(target), "") << target;
}

} // namespace
} // namespace flowguard::test
