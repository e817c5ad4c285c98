// SPDX-License-Identifier: Apache-2.0
/* Values of the specification's reference implementation, seed 0. */
#include "flowguard/core/community_id.h"

#include "flowguard/abi/parser.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

std::string id(const char *client, const char *server, std::uint8_t proto, std::uint16_t from, std::uint16_t to)
{
    return community_id({.client = IpAddress::parse(client).value(),
                         .server = IpAddress::parse(server).value(),
                         .client_port = from,
                         .server_port = to,
                         .proto = proto});
}

TEST(CommunityId, AgreesWithTheReference)
{
    EXPECT_EQ(id("128.232.110.120", "66.35.250.204", FG_PROTO_TCP, 34855, 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    EXPECT_EQ(id("66.35.250.204", "128.232.110.120", FG_PROTO_TCP, 80, 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    EXPECT_EQ(id("192.168.1.52", "8.8.8.8", FG_PROTO_UDP, 54585, 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    EXPECT_EQ(id("192.168.170.8", "192.168.170.56", FG_PROTO_SCTP, 7, 80), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
}

TEST(CommunityId, PairsIcmpTypes)
{
    EXPECT_EQ(id("192.168.0.89", "192.168.0.1", FG_PROTO_ICMP, 8, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    EXPECT_EQ(id("192.168.0.1", "192.168.0.89", FG_PROTO_ICMP, 0, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    EXPECT_EQ(id("192.168.0.89", "192.168.0.1", FG_PROTO_ICMP, 20, 0), "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
    EXPECT_EQ(id("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", FG_PROTO_ICMPV6, 135, 0),
              "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
    EXPECT_EQ(id("3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da", FG_PROTO_ICMPV6, 3, 0),
              "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=");
}

TEST(CommunityId, InsideATunnelIsTheSame)
{
    EXPECT_EQ(community_id({.client = IpAddress::parse("128.232.110.120").value(),
                            .server = IpAddress::parse("66.35.250.204").value(),
                            .client_port = 34855,
                            .server_port = 80,
                            .proto = FG_PROTO_TCP,
                            .flags = FG_KEY_TUNNELED}),
              "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

TEST(CommunityId, OtherProtocolsHaveNoPorts)
{
    EXPECT_EQ(id("10.1.24.4", "10.1.12.1", 46, 0, 0), "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=");
}

} // namespace
} // namespace flowguard
