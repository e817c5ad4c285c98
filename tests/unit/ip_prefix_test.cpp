// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/ip_prefix.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

TEST(IpPrefix, ReadsAndWritesWhatPeopleWrite)
{
    for (const char *text : {"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "10.0.0.0/8", "2001:db8::/32", "2001:db8::7",
                             "2000::/3", "192.0.2.128/25"}) {
        const auto prefix = IpPrefix::parse(text);
        ASSERT_TRUE(prefix) << text;
        EXPECT_EQ(prefix->to_string(), text);
    }
    EXPECT_EQ(IpPrefix::parse("192.0.2.7/32")->to_string(), "192.0.2.7");
    EXPECT_EQ(IpPrefix::parse("2001:db8::7/128")->to_string(), "2001:db8::7");
    EXPECT_TRUE(IpPrefix::parse("192.0.2.7/32")->is_host());
}

TEST(IpPrefix, SaysWhatIsWrong)
{
    const auto why = [](const char *text) {
        const auto prefix = IpPrefix::parse(text);
        EXPECT_FALSE(prefix) << text;
        return prefix ? "" : prefix.error().message;
    };
    EXPECT_EQ(why("192.0.2.7/24"), "'192.0.2.7/24' is an address within 192.0.2.0/24: write one or the other");
    EXPECT_TRUE(why("192.0.2.0/33").contains("from 0 to 32"));
    EXPECT_TRUE(why("2001:db8::/129").contains("from 0 to 128"));
    EXPECT_TRUE(why("192.0.2.0/").contains("length"));
    EXPECT_TRUE(why("192.0.2.0/-1").contains("length"));
    EXPECT_TRUE(why("192.0.2.0/24x").contains("length"));
    EXPECT_TRUE(why("example.org/24").contains("not an IP address"));
    EXPECT_TRUE(why("::/0").contains("IPv4"));
}

TEST(IpPrefix, ContainsByItsFirstBits)
{
    const IpPrefix prefix = IpPrefix::parse("192.0.2.64/26").value();
    EXPECT_TRUE(prefix.contains(IpAddress::parse("192.0.2.64").value()));
    EXPECT_TRUE(prefix.contains(IpAddress::parse("192.0.2.127").value()));
    EXPECT_FALSE(prefix.contains(IpAddress::parse("192.0.2.63").value()));
    EXPECT_FALSE(prefix.contains(IpAddress::parse("192.0.2.128").value()));
    EXPECT_FALSE(prefix.contains(IpAddress::parse("2001:db8::1").value()));
}

} // namespace
} // namespace flowguard::test
