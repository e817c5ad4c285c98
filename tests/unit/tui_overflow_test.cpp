// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/overflow.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

struct OverflowTextTest : testing::Test {
    OverflowTextTest()
    {
        shot.interfaces.push_back(
            {.name = "eth0", .ingress_hook = "", .egress_hook = "", .note = "", .rx = {}, .tx = {}, .losses = {}});
        flood.address = IpAddress::parse("10.0.0.2").value();
        flood.kind = FG_KIND_IPV4;
        flood.proto = FG_PROTO_TCP;
        flood.port = 80;
        flood.volume = {1'200'000, 72'000'000};
        flood.remotes = 300'000;
    }
    Json json() const { return overflow_to_json(flood, shot); }

    Snapshot shot;
    OverflowAggregate flood;
};

TEST_F(OverflowTextTest, AServiceIsNamedByAddressProtocolAndPort)
{
    EXPECT_EQ(json()["dest_ip"], "10.0.0.2");
    EXPECT_EQ(json()["dest_port"], 80);
    EXPECT_EQ(json()["proto"], "TCP");
    EXPECT_EQ(json()["in_iface"], "eth0");
    EXPECT_EQ(json()["flowguard"]["level"], "service");
    EXPECT_EQ(describe_overflow(json()), "to tcp/80 of 10.0.0.2, 1.20M packets from about 300k addresses, 0/s");
}

TEST_F(OverflowTextTest, OnEgressThisSideIsTheSource)
{
    flood.direction = FG_TX;
    flood.dropped = {5, 300};
    EXPECT_EQ(json()["src_port"], 80);
    EXPECT_FALSE(json().contains("dest_ip"));
    EXPECT_EQ(describe_overflow(json()),
              "from tcp/80 of 10.0.0.2, 1.20M packets (5 dropped) to about 300k addresses, 0/s");
}

TEST_F(OverflowTextTest, AHostHasNoPort)
{
    flood.level = FG_OVERFLOW_HOST;
    flood.port = 0;
    EXPECT_FALSE(json().contains("dest_port"));
    EXPECT_EQ(overflow_target(json()), "tcp of 10.0.0.2");
}

TEST_F(OverflowTextTest, WhatIsNotIpIsNamedByItsEtherType)
{
    flood = {
        .kind = FG_KIND_NON_IP, .port = 0x0806, .address = {}, .volume = {}, .dropped = {}, .bits = {}, .packets = {}};
    EXPECT_EQ(overflow_target(json()), "EtherType 0x0806");
    flood.level = FG_OVERFLOW_HOST;
    EXPECT_EQ(overflow_target(json()), "everything else") << "its EtherType is not known any more";
}

TEST_F(OverflowTextTest, TheRestIsOfNoInterface)
{
    flood = {.direction = FG_TX,
             .level = FG_OVERFLOW_REST,
             .address = {},
             .volume = {1, 60},
             .dropped = {},
             .bits = {},
             .packets = {}};
    EXPECT_FALSE(json().contains("in_iface"));
    EXPECT_EQ(describe_overflow(json()), "from everything else, 1 packets to about 0 addresses, 0/s");
}

} // namespace
} // namespace flowguard
