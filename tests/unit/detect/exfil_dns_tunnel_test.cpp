// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

namespace flowguard::test {
namespace {

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_null = 10;
constexpr std::uint16_t type_txt = 16;
constexpr std::uint16_t type_srv = 33;
constexpr std::uint8_t no_such_name = 3;
constexpr auto client = "192.168.1.17";
constexpr auto resolver = "192.168.1.1";

/// Text that does not repeat, as base32 of data.
std::string noise(unsigned seed, std::size_t length)
{
    std::string text;
    std::uint32_t state = seed * 2654435761U + 1;
    while (text.size() < length) {
        state = state * 1664525U + 1013904223U;
        text += "abcdefghijklmnopqrstuvwxyz234567"[state >> 27];
    }
    return text;
}

std::string hex(unsigned seed, std::size_t length)
{
    std::string text;
    for (unsigned i = 0; text.size() < length; i++)
        text += fmt::format("{:08x}", (seed * 977 + i) * 2654435761U);
    return text.substr(0, length);
}

using NameOf = std::function<std::string(unsigned)>;

/// Asks for so many names, ten each second, and has them answered.
std::vector<Incident> asked(unsigned count, std::uint16_t type, const NameOf &name, std::uint8_t rcode = 0)
{
    Rig rig;
    for (unsigned i = 0; i < count; i++) {
        rig.dns(dns_query(client, resolver, name(i), type));
        rig.dns(dns_response(client, resolver, name(i), type, {127, 0, 0, 1}, rcode));
        if (i % 10 == 9)
            rig.tick();
    }
    rig.tick();
    return rig.incidents("exfil.dns_tunnel");
}

TEST(DnsTunnel, OfNullRecordsIsNamedWithItsHandshake)
{
    const auto incidents = asked(8, type_null, [](unsigned i) { return noise(i, 8) + ".t1.example.com"; });
    ASSERT_EQ(incidents.size(), 1U);
    const Finding &finding = incidents[0].finding;
    EXPECT_EQ(finding.subject.source->to_string(), client);
    EXPECT_EQ(finding.subject.target->to_string(), resolver);
    EXPECT_EQ(finding.subject.port, 53);
    EXPECT_NE(finding.explanation.find("in example.com"), std::string::npos);
    EXPECT_TRUE(asked(7, type_null, [](unsigned i) { return noise(i, 8) + ".t1.example.com"; }).empty());
}

TEST(DnsTunnel, OfTextRecordsIsNamedAfterTwentyNames)
{
    const NameOf name = [](unsigned i) { return noise(i, 40) + ".tun.example.com"; };
    EXPECT_EQ(asked(20, type_txt, name).size(), 1U);
    EXPECT_TRUE(asked(19, type_txt, name).empty());
}

TEST(DnsTunnel, OfShortTextNamesIsNone)
{
    EXPECT_TRUE(asked(100, type_txt, [](unsigned i) { return fmt::format("host{}.example.com", i); }).empty());
}

TEST(DnsTunnel, OfFullNamesIsNamedWhateverTheTypeAndTheAnswer)
{
    const NameOf name = [](unsigned i) {
        return noise(i, 60) + "." + noise(i + 1000, 60) + "." + noise(i + 2000, 40) + ".example.com";
    };
    EXPECT_EQ(asked(10, type_a, name).size(), 1U);
    EXPECT_EQ(asked(10, type_a, name, no_such_name).size(), 1U);
    EXPECT_TRUE(asked(9, type_a, name).empty());
}

TEST(DnsTunnel, OfAddressRecordsIsNamedByItsVolume)
{
    const NameOf name = [](unsigned i) { return noise(i, 48) + ".example.com"; };
    EXPECT_EQ(asked(150, type_a, name).size(), 1U);
    EXPECT_TRUE(asked(149, type_a, name).empty());
    EXPECT_TRUE(asked(1000, type_a, [](unsigned i) { return noise(i, 36) + ".example.com"; }).empty());
}

TEST(DnsTunnel, WithoutADomainIsNamed)
{
    const auto incidents = asked(20, type_txt,
                                 [](unsigned i) { return "dnscat." + hex(i, 40) + "." + hex(i + 99, 30); });
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_NE(incidents[0].finding.explanation.find("under no public domain"), std::string::npos);
}

TEST(DnsTunnel, IsOneOfTheClientAlsoWhereTheResolverAsksOn)
{
    Rig rig;
    for (unsigned i = 0; i < 30; i++) {
        rig.dns(dns_query(client, resolver, noise(i, 40) + ".example.com", type_txt));
        rig.dns(dns_query(resolver, "203.0.113.53", noise(i, 40) + ".example.com", type_txt));
    }
    rig.tick();
    const auto incidents = rig.incidents("exfil.dns_tunnel");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), client);
}

TEST(DnsTunnel, BlocksTheClientWhereTheServerIsAResolver)
{
    Rig rig;
    rig.dns(dns_query(client, resolver, "www.example.org", type_a));
    for (unsigned i = 0; i < 30; i++)
        rig.dns(dns_query(client, resolver, noise(i, 40) + ".example.com", type_txt));
    rig.tick();
    const auto incidents = rig.incidents("exfil.dns_tunnel");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_NE(incidents[0].finding.suggestion.find("block 192.168.1.17 "), std::string::npos);
}

TEST(DnsTunnel, StaysOneIncidentWhilePollingSlowly)
{
    Rig rig;
    for (unsigned i = 0; i < 600; i++) {
        if (i < 30 || i % 30 == 0)
            rig.dns(dns_query(client, resolver, noise(i, 40) + ".example.com", type_txt));
        rig.tick();
    }
    EXPECT_EQ(rig.incidents("exfil.dns_tunnel").size(), 1U);
}

TEST(DnsTunnel, RetriesOfOneNameAreNone)
{
    EXPECT_TRUE(asked(1000, type_txt, [](unsigned) { return noise(1, 60) + ".example.com"; }).empty());
}

TEST(DnsTunnel, SweepsOfAddressesAreNone)
{
    EXPECT_TRUE(asked(1000, 12, [](unsigned i) {
                    return fmt::format("{}.{}.168.192.in-addr.arpa", i % 250, i / 250);
                }).empty());
    const NameOf nibbles = [](unsigned i) {
        std::string name;
        for (const char digit : hex(i, 32))
            name += std::string(1, digit) + ".";
        return name + "ip6.arpa";
    };
    EXPECT_TRUE(asked(1000, 12, nibbles).empty());
}

TEST(DnsTunnel, BlocklistsAndReputationAreNone)
{
    EXPECT_TRUE(asked(1000, type_txt, [](unsigned i) {
                    return fmt::format("{}.{}.0.203.zen.blocklist.example.org", i % 250, i / 250);
                }).empty());
    EXPECT_TRUE(asked(500, type_txt, [](unsigned i) { return noise(i, 60) + ".i.s.sophosxl.net"; }).empty());
    EXPECT_TRUE(asked(500, type_a, [](unsigned i) { return noise(i, 60) + ".a.j.e5.sk"; }).empty());
    EXPECT_TRUE(asked(
                    500, type_a, [](unsigned i) { return hex(i, 64) + ".hash.example.org"; }, no_such_name)
                    .empty());
}

/// As a tunnel would ask, but each answer is a verdict.
std::vector<Incident> judged(const std::vector<std::uint8_t> &verdict)
{
    Rig rig;
    for (unsigned i = 0; i < 400; i++) {
        const std::string name = hex(i, 40) + "." + hex(i + 1'000, 10) + ".scores.example.com";
        rig.dns(dns_query(client, resolver, name, type_a));
        rig.dns(dns_response(client, resolver, name, type_a, verdict));
        if (i % 10 == 9)
            rig.tick();
    }
    return rig.incidents("exfil.dns_tunnel");
}

TEST(DnsTunnel, ListsThatAnswerWithVerdictsAreNone)
{
    EXPECT_TRUE(judged({127, 0, 0, 4}).empty());
    EXPECT_EQ(judged({127, 0, 0, 1}).size(), 1U) << "no verdict, and tunnels answer so";
    EXPECT_EQ(judged({203, 0, 113, 4}).size(), 1U);
}

TEST(DnsTunnel, NamesOfCloudsAreNone)
{
    EXPECT_TRUE(asked(600, type_a, [](unsigned i) { return noise(i, 14) + ".cloudfront.net"; }).empty());
    EXPECT_TRUE(asked(600, type_a, [](unsigned i) {
                    return fmt::format("r{}---sn-{}.googlevideo.com", i % 20, noise(i, 12));
                }).empty());
    EXPECT_TRUE(asked(600, type_a, [](unsigned i) { return hex(i, 32) + ".clo.footprintdns.com"; }).empty());
}

TEST(DnsTunnel, RandomNamesWithoutAnswersAreNone)
{
    EXPECT_TRUE(asked(
                    600, type_a, [](unsigned i) { return noise(i, 12); }, no_such_name)
                    .empty());
    EXPECT_TRUE(asked(
                    600, type_a, [](unsigned i) { return noise(i, 12) + ".corp.example.com"; }, no_such_name)
                    .empty());
    EXPECT_TRUE(asked(
                    600, type_a, [](unsigned i) { return noise(i, 20) + ".info"; }, no_such_name)
                    .empty());
}

TEST(DnsTunnel, ServicesOfADirectoryAndOfCertificatesAreNone)
{
    EXPECT_TRUE(asked(600, type_srv, [](unsigned i) {
                    return fmt::format("_ldap._tcp.site{}._sites.dc._msdcs.corp.local", i % 7);
                }).empty());
    EXPECT_TRUE(
        asked(300, type_txt, [](unsigned i) { return fmt::format("_acme-challenge.host{}.example.com", i); }).empty());
}

TEST(DnsTunnel, OverPort53WithoutDnsIsNamed)
{
    Rig rig;
    for (int i = 0; i < 20; i++) {
        rig.send(FG_PROTO_UDP, {client, 40000}, {"203.0.113.53", 53},
                 {.packets = 20, .bytes = 16'000, .min_length = 60, .max_length = 1200});
        rig.send(FG_PROTO_UDP, {"203.0.113.53", 53}, {client, 40000}, {.packets = 20, .bytes = 2'000});
        rig.tick();
    }
    const auto incidents = rig.incidents("exfil.dns_tunnel");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.unit, "bytes");
    EXPECT_EQ(incidents[0].finding.evidence.size(), 1U);
}

TEST(DnsTunnel, AForwarderWithOnePortIsNone)
{
    Rig rig;
    for (int i = 0; i < 100; i++) {
        rig.send(FG_PROTO_UDP, {client, 40000}, {"203.0.113.53", 53},
                 {.packets = 100, .bytes = 8'500, .min_length = 70, .max_length = i == 50 ? 700U : 120U});
        rig.send(FG_PROTO_UDP, {"203.0.113.53", 53}, {client, 40000}, {.packets = 100, .bytes = 30'000});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("exfil.dns_tunnel").empty());
}

TEST(DnsTunnel, IsFoundAfterAFloodOfClientsAndDomains)
{
    Rig rig;
    for (unsigned i = 0; i < 20'000; i++) {
        rig.dns(dns_query(fmt::format("10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255), resolver, noise(i, 12) + ".com",
                          type_a));
        if (i % 5000 == 4999)
            rig.tick();
    }
    rig.tick(30);
    rig.tick(30);
    for (unsigned i = 0; i < 30; i++)
        rig.dns(dns_query(client, resolver, noise(i, 40) + ".example.com", type_txt));
    rig.tick();
    EXPECT_EQ(rig.incidents("exfil.dns_tunnel").size(), 1U);
}

TEST(DnsTunnel, RepeatsOfAFewNamesAmongManyAreNone)
{
    Rig rig;
    for (unsigned i = 0; i < 1'500; i++) {
        const std::string name = i < 300 ? fmt::format("host{}", i)
                                         : noise(i % 2, 110 / 2) + "." + noise(i % 2 + 7, 55);
        rig.dns(dns_query(client, resolver, name + ".example.com", type_a));
        rig.dns(dns_response(client, resolver, name + ".example.com", type_a, {192, 0, 2, 1}));
        if (i % 10 == 9)
            rig.tick();
    }
    EXPECT_TRUE(rig.incidents("exfil.dns_tunnel").empty());
}

} // namespace
} // namespace flowguard::test
