// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/ip_address.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies)
{
    for (const char *text : {"192.0.2.7", "0.0.0.0", "2001:db8::7", "::", "::1", "fe80::1"})
        EXPECT_EQ(IpAddress::parse(text).value().to_string(), text);
    EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::0:7").value().to_string(), "2001:db8::7");
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.7").value(), IpAddress::parse("192.0.2.7").value());
}

TEST(IpAddress, RefusesEverythingElse)
{
    for (const std::string &text :
         {std::string("1.2.3"), std::string("1.2.3.4.5"), std::string("256.1.1.1"), std::string(""),
          std::string(" 1.2.3.4"), std::string("1.2.3.4/24"), std::string("fe80::1%eth0"), std::string("example.org"),
          std::string("1.2.3.4\0", 8), std::string(1000, '1')}) {
        const auto parsed = IpAddress::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ExitCode::Usage);
    }
}

TEST(IpAddress, KnowsItsKind)
{
    const auto of = [](const char *text) { return IpAddress::parse(text).value(); };
    EXPECT_TRUE(of("127.1.2.3").is_loopback());
    EXPECT_TRUE(of("::1").is_loopback());
    EXPECT_FALSE(of("128.0.0.1").is_loopback());
    EXPECT_TRUE(of("224.0.0.251").is_multicast());
    EXPECT_TRUE(of("255.255.255.255").is_multicast());
    EXPECT_TRUE(of("ff02::1").is_multicast());
    EXPECT_FALSE(of("223.255.255.255").is_multicast());
    EXPECT_TRUE(of("::").is_unspecified());
    EXPECT_TRUE(of("0.1.2.3").is_unspecified());
    EXPECT_FALSE(of("::1").is_unspecified());
    EXPECT_TRUE(of("10.0.0.1").is_v4());
    EXPECT_FALSE(of("::a00:1").is_v4());
}

} // namespace
} // namespace flowguard
