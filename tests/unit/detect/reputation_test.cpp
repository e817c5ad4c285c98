// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/reputation.h"

#include "dns_wire.h"
#include "rig.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

Reputation reputation_of(const std::vector<std::pair<std::string, std::string>> &lists)
{
    std::vector<ParsedFeed> feeds;
    for (const auto &[name, text] : lists)
        feeds.push_back(parse_feed(text, FeedSyntax::parse(name == "names" ? "domains" : "plain").value()));
    std::vector<NamedFeed> named;
    for (std::size_t i = 0; i < lists.size(); i++)
        named.push_back({lists[i].first, &feeds[i]});
    return Reputation(named);
}

std::string list_of(const Reputation &reputation, std::string_view text)
{
    const std::string *list = reputation.listed(address(text));
    return list ? *list : "";
}

TEST(Reputation, FindsAddressesAtTheEdgesOfEntries)
{
    const Reputation reputation = reputation_of(
        {{"a", "198.51.100.8-198.51.100.11\n1.0.0.0/8\n2001:db8::/48\n223.255.255.255"}});
    for (const char *in : {"198.51.100.8", "198.51.100.11", "1.0.0.0", "1.77.0.1", "1.255.255.255",
                           "2001:db8::", "2001:db8:0:ffff::1", "223.255.255.255"})
        EXPECT_EQ(list_of(reputation, in), "a") << in;
    for (const char *out : {"198.51.100.7", "198.51.100.12", "0.255.255.255", "2.0.0.0", "2001:db8:1::", "2001:db7::",
                            "223.255.255.254", "224.0.0.0", "255.255.255.255", "0.0.0.0", "::"})
        EXPECT_EQ(list_of(reputation, out), "") << out;
}

TEST(Reputation, TheNarrowestEntryNamesAnAddress)
{
    const Reputation reputation = reputation_of(
        {{"wide", "198.51.0.0/16"}, {"narrow", "198.51.100.0/24\n198.51.100.7"}, {"host", "198.51.100.7"}});
    EXPECT_EQ(list_of(reputation, "198.51.99.255"), "wide");
    EXPECT_EQ(list_of(reputation, "198.51.100.0"), "narrow");
    EXPECT_EQ(list_of(reputation, "198.51.100.255"), "narrow");
    EXPECT_EQ(list_of(reputation, "198.51.101.0"), "wide");
    EXPECT_EQ(list_of(reputation, "198.51.255.255"), "wide");
}

TEST(Reputation, OverlappingRangesAreBothComplete)
{
    const Reputation reputation = reputation_of(
        {{"a", "198.51.100.0-198.51.100.20"}, {"b", "198.51.100.10-198.51.100.30"}});
    EXPECT_EQ(list_of(reputation, "198.51.100.9"), "a");
    EXPECT_EQ(list_of(reputation, "198.51.100.10"), "b");
    EXPECT_EQ(list_of(reputation, "198.51.100.30"), "b");
    EXPECT_EQ(list_of(reputation, "198.51.100.31"), "");
    EXPECT_EQ(reputation.entries(), 2U);
}

TEST(Reputation, AgreesWithAPlainSearch)
{
    std::uint32_t state = 1;
    const auto random = [&state] { return state = state * 1664525 + 1013904223; };
    ParsedFeed feed;
    for (int i = 0; i < 300; i++) {
        const std::uint8_t first[4] = {198, static_cast<std::uint8_t>(random() >> 30),
                                       static_cast<std::uint8_t>(random() >> 24),
                                       static_cast<std::uint8_t>(random() >> 24)};
        std::uint8_t last[4] = {first[0], first[1], first[2], 255};
        feed.ranges.push_back({IpAddress::from_v4(first), IpAddress::from_v4(i % 2 ? first : last)});
    }
    const NamedFeed named{"a", &feed};
    const Reputation reputation({&named, 1});
    for (int i = 0; i < 20'000; i++) {
        const std::uint8_t bytes[4] = {198, static_cast<std::uint8_t>(random() >> 30),
                                       static_cast<std::uint8_t>(random() >> 24),
                                       static_cast<std::uint8_t>(random() >> 24)};
        const IpAddress probe = IpAddress::from_v4(bytes);
        const bool expected = std::ranges::any_of(
            feed.ranges, [&](const AddressRange &range) { return range.first <= probe && probe <= range.last; });
        ASSERT_EQ(reputation.listed(probe) != nullptr, expected) << probe.to_string();
    }
}

TEST(Reputation, NamesMatchTheirSubdomains)
{
    const Reputation reputation = reputation_of({{"names", "bad.example"}});
    EXPECT_TRUE(reputation.listed_name("bad.example"));
    EXPECT_TRUE(reputation.listed_name("www.bad.example"));
    EXPECT_FALSE(reputation.listed_name("notbad.example"));
    EXPECT_FALSE(reputation.listed_name("example"));
    EXPECT_FALSE(reputation.listed_name(""));
}

TEST(Reputation, AMillionEntriesAreBounded)
{
    ParsedFeed feed;
    for (std::uint32_t i = 0; i < 1'000'010; i++) {
        const std::uint32_t spread = i * 2 + (20U << 24); /* every second address: nothing merges */
        const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(spread >> 24), static_cast<std::uint8_t>(spread >> 16),
                                       static_cast<std::uint8_t>(spread >> 8), static_cast<std::uint8_t>(spread)};
        feed.ranges.push_back({IpAddress::from_v4(bytes), IpAddress::from_v4(bytes)});
    }
    const NamedFeed named{"a", &feed};
    const Reputation reputation({&named, 1});
    EXPECT_EQ(reputation.entries(), Reputation::max_entries);
    EXPECT_EQ(reputation.left_out(), 10U);
    EXPECT_LT(reputation.bytes(), 10'000'000U);
    EXPECT_TRUE(reputation.listed(address("20.0.0.2")));
    EXPECT_FALSE(reputation.listed(address("20.0.0.3")));
}

constexpr std::uint8_t tcp = FG_PROTO_TCP;

TEST(ReputationBlacklisted, AHostOfOursThatTalksToOneIsUrgent)
{
    Rig rig;
    rig.detection().set_reputation(reputation_of({{"list", "198.51.100.66"}}));
    rig.send(tcp, {"10.0.0.5", 50'000}, {"198.51.100.66", 443}, {.packets = 6, .bytes = 1200, .syn = 1});
    rig.send(tcp, {"198.51.100.66", 443}, {"10.0.0.5", 50'000}, {.packets = 6, .bytes = 4000, .syn_ack = 1}, 0.1);
    rig.tick();
    const auto incidents = rig.incidents("reputation.blacklisted");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::High);
    EXPECT_EQ(*incidents[0].finding.subject.source, address("10.0.0.5"));
    EXPECT_EQ(*incidents[0].finding.subject.target, address("198.51.100.66"));
    EXPECT_NE(incidents[0].finding.explanation.find("'list'"), std::string::npos);
}

TEST(ReputationBlacklisted, AnUnansweredAttemptIsGoodToKnow)
{
    Rig rig;
    rig.detection().set_reputation(reputation_of({{"list", "198.51.100.66"}}));
    rig.send(tcp, {"10.0.0.5", 50'000}, {"198.51.100.66", 443}, {.packets = 1, .bytes = 74, .syn = 1});
    rig.send(tcp, {"198.51.100.66", 443}, {"10.0.0.5", 50'000}, {.packets = 1, .bytes = 60, .rst = 1}, 0.1);
    rig.tick();
    const auto incidents = rig.incidents("reputation.blacklisted");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Low);
}

TEST(ReputationBlacklisted, ManyListedScannersOfOneHostAreOneIncident)
{
    Rig rig;
    rig.detection().set_reputation(reputation_of({{"list", "198.51.100.0/24"}}));
    for (int i = 1; i <= 100; i++)
        rig.send(tcp, {"198.51.100." + std::to_string(i), 40'000}, {"10.0.0.5", 22},
                 {.packets = 1, .bytes = 60, .syn = 1});
    rig.tick();
    const auto incidents = rig.incidents("reputation.blacklisted");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.severity, Severity::Low);
    EXPECT_EQ(incidents[0].finding.source_count, 100U);
    EXPECT_EQ(incidents[0].finding.sources.size(), Finding::max_listed);
}

TEST(ReputationBlacklisted, OurOwnAddressesAreNeverListed)
{
    Rig rig({}, Locality({}, {address("198.51.100.5")}));
    rig.detection().set_reputation(reputation_of({{"list", "198.51.100.5"}}));
    rig.send(tcp, {"10.0.0.5", 50'000}, {"198.51.100.5", 443}, {.packets = 6, .bytes = 1200, .syn = 1});
    rig.send(tcp, {"203.0.113.9", 50'000}, {"198.51.100.5", 443}, {.packets = 6, .bytes = 1200, .syn = 1});
    rig.tick();
    EXPECT_TRUE(rig.incidents("reputation.blacklisted").empty());
}

/// `host` looks a name up and then talks to the address.
void look_up_and_talk(Rig &rig, const std::string &host, const std::string &name, bool asks = true)
{
    if (asks)
        rig.dns(dns_query(host, "10.0.0.1", name, 1));
    rig.dns(dns_response(host, "10.0.0.1", name, 1, {203, 0, 113, 80}));
    rig.tick();
    rig.send(tcp, {host, 50'000}, {"203.0.113.80", 443}, {.packets = 6, .bytes = 1200, .syn = 1});
    rig.send(tcp, {"203.0.113.80", 443}, {host, 50'000}, {.packets = 6, .bytes = 4000, .syn_ack = 1}, 0.1);
    rig.tick();
}

TEST(ReputationBlacklisted, ANameCountsForTheHostThatLookedItUp)
{
    Rig rig;
    rig.detection().set_reputation(reputation_of({{"names", "bad.example"}}));
    look_up_and_talk(rig, "10.0.0.5", "bad.example");
    look_up_and_talk(rig, "10.0.0.6", "good.example");
    const auto incidents = rig.incidents("reputation.blacklisted");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(*incidents[0].finding.subject.source, address("10.0.0.5"));
}

TEST(ReputationBlacklisted, AnAnswerThatNobodyAskedForNamesNothing)
{
    Rig rig;
    rig.detection().set_reputation(reputation_of({{"names", "bad.example"}}));
    look_up_and_talk(rig, "10.0.0.5", "good.example");
    look_up_and_talk(rig, "10.0.0.5", "bad.example", false);
    EXPECT_TRUE(rig.incidents("reputation.blacklisted").empty());
    EXPECT_EQ(rig.detection().names().name_of(address("203.0.113.80")), "good.example");
}

} // namespace
} // namespace flowguard::test
