// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"
#include "rig.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const std::string host = "192.168.1.20";
const std::string stranger = "203.0.113.80";

/// Sends bytes up over TCP in so many ticks, with acknowledgements coming back, or so many bytes.
void upload(Rig &rig, const Endpoint &from, const Endpoint &to, std::uint64_t bytes, int ticks, std::uint64_t back = 0)
{
    const auto each = bytes / static_cast<std::uint64_t>(ticks);
    const auto packets = each / 1500 + 1;
    back = back == 0 ? packets / 2 * 66 : back / static_cast<std::uint64_t>(ticks);
    for (int i = 0; i < ticks; i++) {
        rig.send(FG_PROTO_TCP, from, to, {.packets = packets, .bytes = each, .syn = i == 0});
        rig.send(FG_PROTO_TCP, to, from, {.packets = packets / 2 + 1, .bytes = back, .syn_ack = i == 0}, 0.1);
        rig.tick();
    }
}

/// The host looks names up, for so long that what it still remembered is forgotten.
void look_up(Rig &rig)
{
    rig.dns(dns_response(host, "192.168.1.1", "www.example.com", 1, {203, 0, 113, 1}));
    rig.tick();
    for (int i = 0; i < 20; i++)
        rig.tick(60);
}

TEST(ExfilVolume, OfMailToAStrangerIsNamed)
{
    Rig rig;
    upload(rig, {host, 54102}, {stranger, 25}, 162'000, 3, 8'500);
    const auto incidents = rig.incidents("exfil.volume");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Low);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), host);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), stranger);
    EXPECT_EQ(incidents[0].finding.subject.port, 25);
    ASSERT_EQ(incidents[0].finding.evidence.size(), 1U);
    EXPECT_EQ(incidents[0].finding.evidence[0].target_port, 25);
}

TEST(ExfilVolume, OfMailsWithoutAttachmentIsNone)
{
    Rig rig;
    upload(rig, {host, 54102}, {stranger, 25}, 99'000, 3, 8'500);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, OfMailHandedInAtASubmissionPortIsNone)
{
    Rig rig;
    upload(rig, {host, 54102}, {stranger, 587}, 20'000'000, 20);
    upload(rig, {host, 54103}, {stranger, 465}, 20'000'000, 20);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, OfMailServersIsNone)
{
    Rig rig;
    upload(rig, {"198.51.100.7", 40000}, {host, 25}, 200'000, 2);
    upload(rig, {host, 54102}, {stranger, 25}, 2'000'000, 3);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, OfWhoLooksUpMailServersIsNone)
{
    constexpr std::uint16_t type_mx = 15;
    Rig rig;
    rig.dns(dns_query(host, "192.168.1.1", "example.com", type_mx));
    rig.tick();
    upload(rig, {host, 54102}, {stranger, 25}, 2'000'000, 3);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

/// Over UDP, to a port that clients have as well: only the time says who began it.
void send_by_udp(Rig &rig, std::uint64_t bytes)
{
    rig.send(FG_PROTO_UDP, {host, 40'000}, {stranger, 50'000}, {.packets = bytes / 1'400 + 1, .bytes = bytes});
    rig.send(FG_PROTO_UDP, {stranger, 50'000}, {host, 40'000}, {.packets = 2, .bytes = 120}, 0.1);
}

TEST(ExfilVolume, OverUdpThatBeganWhileWatchingIsNamed)
{
    Rig rig;
    look_up(rig);
    for (int i = 0; i < 60; i++) /* what is new can be said after an hour that somebody called normal */
        rig.tick(60);
    rig.detection().baselines().trust();
    for (int i = 0; i < 30; i++) {
        send_by_udp(rig, 5'600'000);
        rig.tick();
    }
    EXPECT_EQ(rig.incidents("exfil.volume").size(), 1U);
}

TEST(ExfilVolume, OverUdpThatWasThereBeforeIsNone)
{
    Rig rig;
    rig.dns(dns_response(host, "192.168.1.1", "www.example.com", 1, {203, 0, 113, 1}));
    for (int i = 0; i < 140; i++) { /* so that it is one flow */
        send_by_udp(rig, 100);
        rig.tick(30);
    }
    rig.detection().baselines().trust();
    for (int i = 0; i < 30; i++) {
        send_by_udp(rig, 5'600'000);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, InsideIsNoneForMail)
{
    Rig rig;
    upload(rig, {host, 54102}, {"192.168.1.3", 25}, 2'000'000, 3);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, ToAPortOfToolsIsNamedAlsoInside)
{
    Rig rig;
    rig.send(FG_PROTO_UDP, {"10.10.10.10", 4444}, {"10.10.10.25", 1337}, {.packets = 605, .bytes = 61'710});
    rig.tick();
    const auto incidents = rig.incidents("exfil.volume");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Low);
    EXPECT_EQ(incidents[0].finding.subject.port, 1337);
}

TEST(ExfilVolume, OneWayToOtherPortsInsideIsNone)
{
    Rig rig;
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{514, 2055, 5004, 8125, 4739}) {
        rig.send(FG_PROTO_UDP, {"10.10.10.10", 44444}, {"10.10.10.25", port}, {.packets = 60'000, .bytes = 61'000'000});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, ToAnAddressWithoutANameIsNamedWhenItReachesTheThreshold)
{
    Rig rig;
    look_up(rig);
    upload(rig, {host, 54102}, {stranger, 443}, 99'000'000, 50);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
    upload(rig, {host, 54103}, {stranger, 443}, 2'000'000, 1);
    EXPECT_EQ(rig.incidents("exfil.volume").size(), 1U);
}

TEST(ExfilVolume, ToACloudThatWasLookedUpIsNone)
{
    Rig rig;
    look_up(rig);
    rig.dns(dns_response(host, "192.168.1.1", "backup.example.com", 1, {203, 0, 113, 80}));
    upload(rig, {host, 54102}, {stranger, 443}, 2'000'000'000, 100);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, WithoutKnowledgeIsNone)
{
    Rig rig;
    upload(rig, {host, 54102}, {stranger, 443}, 2'000'000'000, 100);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, ThatComesBackIsASpeedTest)
{
    Rig rig;
    look_up(rig);
    upload(rig, {host, 54102}, {stranger, 8080}, 5'000'000, 10, 300'000'000);
    upload(rig, {host, 54103}, {stranger, 8080}, 300'000'000, 10);
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

TEST(ExfilVolume, WhatServersServeIsNone)
{
    Rig rig;
    look_up(rig);
    for (int i = 0; i < 100; i++) { /* a download from us, and one that was under way before the watch */
        rig.send(FG_PROTO_TCP, {stranger, 40000}, {host, 443}, {.packets = 1000, .bytes = 66'000, .syn = i == 0});
        rig.send(FG_PROTO_TCP, {host, 443}, {stranger, 40000},
                 {.packets = 2000, .bytes = 3'000'000, .syn_ack = i == 0});
        rig.send(FG_PROTO_TCP, {host, 443}, {stranger, 50000}, {.packets = 2000, .bytes = 3'000'000});
        rig.send(FG_PROTO_TCP, {stranger, 50000}, {host, 443}, {.packets = 1000, .bytes = 66'000}, 0.1);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("exfil.volume").empty());
}

} // namespace
} // namespace flowguard::test
