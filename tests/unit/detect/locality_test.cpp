// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/locality.h"
#include "flowguard/detect/parameters.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace flowguard::test {
namespace {

IpAddress address(const char *text) { return *IpAddress::parse(text); }

FlowKey key(const char *client, const char *server)
{
    FlowKey made{};
    made.client = address(client);
    made.server = address(server);
    return made;
}

TEST(Locality, OfItselfKnowsPrivateAddresses)
{
    const Locality locality;
    for (const char *ours : {"10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.7.7", "127.0.0.1", "169.254.1.1",
                             "fe80::1", "fd12::1", "::1"})
        EXPECT_TRUE(locality.is_ours(address(ours))) << ours;
    for (const char *other : {"172.15.0.1", "172.32.0.1", "192.169.0.1", "8.8.8.8", "2001:db8::1", "fec0::1"})
        EXPECT_FALSE(locality.is_ours(address(other))) << other;
}

TEST(Locality, PrefixesStandInThePlaceOfPrivateOnes)
{
    const Locality locality({*IpPrefix::parse("192.0.2.0/24")}, {address("203.0.113.5")});
    EXPECT_TRUE(locality.is_ours(address("192.0.2.77")));
    EXPECT_TRUE(locality.is_ours(address("203.0.113.5")));
    EXPECT_FALSE(locality.is_ours(address("192.168.1.1")));
}

TEST(Locality, TellsDirectionsApart)
{
    const Locality locality;
    EXPECT_EQ(locality.direction(key("8.8.8.8", "192.168.1.1")), Locality::Direction::In);
    EXPECT_EQ(locality.direction(key("192.168.1.1", "8.8.8.8")), Locality::Direction::Out);
    EXPECT_EQ(locality.direction(key("192.168.1.1", "10.0.0.1")), Locality::Direction::Internal);
    EXPECT_EQ(locality.direction(key("8.8.8.8", "9.9.9.9")), Locality::Direction::Between);
}

constexpr std::array known{Parameter{"ports", 15, 2, 100, "ports", "that failed"}};

TEST(Parameters, HaveTheirDefaultsUntilTheyAreSet)
{
    Parameters parameters(known);
    EXPECT_EQ(parameters["ports"], 15);
    ASSERT_TRUE(parameters.set("ports", 100));
    EXPECT_EQ(parameters["ports"], 100);
}

TEST(Parameters, RefuseWhatIsOutOfRangeOrUnknown)
{
    Parameters parameters(known);
    for (const double wrong : {1.0, 101.0, -1.0, std::nan(""), HUGE_VAL})
        EXPECT_EQ(parameters.set("ports", wrong).error().message, "'ports' must be from 2 to 100") << wrong;
    EXPECT_EQ(parameters.set("doors", 5).error().message, "unknown key 'doors'; there are: ports");
    EXPECT_EQ(parameters["ports"], 15);
}

} // namespace
} // namespace flowguard::test
