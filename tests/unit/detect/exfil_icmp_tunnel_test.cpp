// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <gtest/gtest.h>

#include <array>

namespace flowguard::test {
namespace {

constexpr std::uint16_t request = 8;
constexpr std::uint16_t reply = 0;
const std::string client = "192.168.1.17";
const std::string server = "203.0.113.9";

/// A tick of echo requests between two lengths, and replies.
void exchange(Rig &rig, const Packets &requests, const Packets &replies)
{
    rig.send(FG_PROTO_ICMP, {client, request}, {server, 0}, requests);
    if (replies.packets > 0)
        rig.send(FG_PROTO_ICMP, {server, reply}, {client, 0}, replies, 0.1);
    rig.tick();
}

Packets of(std::uint32_t packets, std::uint32_t low, std::uint32_t high)
{
    return {.packets = packets, .bytes = packets * (low + high) / 2, .min_length = low, .max_length = high};
}

std::uint32_t varied(std::uint32_t i) { return 60 + (i * 2654435761U >> 24); }

TEST(IcmpTunnel, WithReplacedRepliesIsNamed)
{
    Rig rig;
    for (std::uint32_t i = 0; i < 20; i++)
        exchange(rig, of(3, 94, 100 + i), of(3, 94, 200 + 10 * i));
    const auto incidents = rig.incidents("exfil.icmp_tunnel");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), client);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), server);
    EXPECT_FALSE(incidents[0].finding.subject.port);
    EXPECT_NE(incidents[0].finding.explanation.find("longer than any request"), std::string::npos);
}

TEST(IcmpTunnel, OneWayWithDisorderedLengthsIsNamed)
{
    Rig rig;
    for (std::uint32_t i = 0; i < 30; i++)
        exchange(rig, of(4, varied(i), varied(i) + 40), {});
    EXPECT_EQ(rig.incidents("exfil.icmp_tunnel").size(), 1U);
}

TEST(IcmpTunnel, AnsweredInKindIsNamedWhenItGoesOn)
{
    Rig rig;
    for (std::uint32_t i = 0; i < 60; i++)
        exchange(rig, of(4, varied(i), varied(i) + 40), of(4, varied(i), varied(i) + 40));
    EXPECT_EQ(rig.incidents("exfil.icmp_tunnel").size(), 1U);
}

TEST(IcmpTunnel, PingsOfHoursAreNone)
{
    for (const std::uint32_t length : {74U, 98U, 1442U}) {
        Rig rig;
        for (int i = 0; i < 7200; i++)
            exchange(rig, of(1, length, length), of(i % 50 == 0 ? 0 : 1, length, length));
        EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty()) << length;
    }
}

TEST(IcmpTunnel, SeveralProgramsThatPingAreNone)
{
    Rig rig;
    for (int i = 0; i < 7200; i++)
        exchange(rig, of(3, 74, i % 10 == 0 ? 1442 : 98), of(3, 74, i % 10 == 0 ? 1442 : 98));
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, ShortRequestsThatAreSentUnpaddedAreNone)
{
    Rig rig;
    for (int i = 0; i < 600; i++)
        exchange(rig, of(1, 42, 42), of(1, 60, 60));
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, SweepsOfLengthsAreNone)
{
    Rig rig;
    for (std::uint32_t length = 100; length < 1500; length += 10)
        exchange(rig, of(1, length, length), of(1, length, length));
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, SearchesForTheMtuAreNone)
{
    constexpr std::array<std::uint32_t, 11> tried{772, 1136, 1318, 1409, 1455, 1477, 1489, 1494, 1492, 1493, 1514};
    Rig rig;
    for (int round = 0; round < 10; round++)
        for (const std::uint32_t length : tried) {
            const bool fits = length <= 1492;
            exchange(rig, of(1, length, length), of(fits ? 1 : 0, length, length));
        }
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, TruncatedRepliesAreNone)
{
    Rig rig;
    for (int i = 0; i < 600; i++)
        exchange(rig, of(1, 1042, 1042), of(1, 110, 110));
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, FloodsWithRandomLengthsAreNotThis)
{
    Rig rig;
    for (std::uint32_t i = 0; i < 60; i++)
        exchange(rig, of(5000, varied(i), varied(i) + 400), {});
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

TEST(IcmpTunnel, FewPacketsAreNone)
{
    Rig rig;
    for (std::uint32_t i = 0; i < 39; i++)
        exchange(rig, of(1, varied(i), varied(i)), {});
    EXPECT_TRUE(rig.incidents("exfil.icmp_tunnel").empty());
}

} // namespace
} // namespace flowguard::test
