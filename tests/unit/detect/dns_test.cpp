// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"

#include "flowguard/detect/names.h"
#include "flowguard/detect/registered_domain.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_null = 10;

TEST(Dns, QuestionNamesClientServerAndLowerCaseName)
{
    const auto message = parse_dns(dns_query("192.168.1.5", "9.9.9.9", "WWW.Example.COM", type_a));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->client.to_string(), "192.168.1.5");
    EXPECT_EQ(message->server.to_string(), "9.9.9.9");
    EXPECT_FALSE(message->response);
    EXPECT_EQ(message->name, "www.example.com");
    EXPECT_EQ(message->type, type_a);
}

TEST(Dns, ResponseHasTheSameClientAndItsAnswers)
{
    const auto message = parse_dns(dns_response("192.168.1.5", "9.9.9.9", "www.example.com", type_a, {203, 0, 113, 9}));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->client.to_string(), "192.168.1.5");
    EXPECT_TRUE(message->response);
    ASSERT_EQ(message->answers.size(), 1U);
    EXPECT_EQ(message->answers[0].name, "www.example.com");
    EXPECT_EQ(message->answers[0].address->to_string(), "203.0.113.9");
}

TEST(Dns, CutMessageGivesWhatItHas)
{
    DnsSample sample = dns_response("192.168.1.5", "9.9.9.9", "www.example.com", type_a, {203, 0, 113, 9});
    sample.payload.resize(sample.payload.size() - 1);
    const auto message = parse_dns(sample);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->name, "www.example.com");
    ASSERT_EQ(message->answers.size(), 1U);
    EXPECT_EQ(message->answers[0].length, 4U);
    EXPECT_FALSE(message->answers[0].address);
}

TEST(Dns, EscapedBytesCountOnce)
{
    const auto message = parse_dns(dns_query("10.0.0.1", "10.0.0.2", "a\xe4\xff\\b.pirate.sea", type_null));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->name, "a\\228\\255\\\\b.pirate.sea");
    const auto labels = dns_labels(message->name);
    ASSERT_EQ(labels.size(), 3U);
    EXPECT_EQ(labels[0], "a\xe4\xff\\b");
}

TEST(Dns, WhatIsNoDnsIsNone)
{
    DnsSample raw = dns_query("10.0.0.1", "10.0.0.2", "x.y", type_a);
    raw.payload = {0x10, 0xd1, 0x9e, 0x20}; /* iodine's raw mode */
    for (std::uint8_t i = 0; i < 60; i++)
        raw.payload.push_back(i);
    EXPECT_FALSE(parse_dns(raw));
    raw.payload.clear();
    EXPECT_FALSE(parse_dns(raw));
    raw.payload = DnsWire(0x0100, 0).number(0xc00c).bytes(); /* a name that points at itself */
    EXPECT_FALSE(parse_dns(raw));
}

TEST(Names, AreThoseOfTheQuestion)
{
    Names names;
    EXPECT_TRUE(names.empty());
    names.note(*parse_dns(dns_response("10.0.0.1", "10.0.0.2", "www.example.com", type_a, {203, 0, 113, 9})));
    EXPECT_EQ(names.name_of(*IpAddress::parse("203.0.113.9")), "www.example.com");
    EXPECT_EQ(names.name_of(*IpAddress::parse("203.0.113.10")), "");
}

TEST(Names, KeepTheRecentOnesWhenThereAreTooMany)
{
    Names names;
    const auto address = [](std::size_t i) {
        return std::vector<std::uint8_t>{203, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                                         static_cast<std::uint8_t>(i)};
    };
    const std::size_t many = Names::max_names * 2;
    for (std::size_t i = 0; i < many; i++)
        names.note(*parse_dns(dns_response("10.0.0.1", "10.0.0.2", fmt::format("h{}.example", i), type_a, address(i))));
    EXPECT_EQ(names.name_of(IpAddress::from_v4(address(many - 1).data())), fmt::format("h{}.example", many - 1));
    EXPECT_EQ(names.name_of(IpAddress::from_v4(address(0).data())), "");
}

TEST(RegisteredDomain, FollowsThePublicSuffixList)
{
    EXPECT_EQ(registered_domain("www.example.com"), "example.com");
    EXPECT_EQ(registered_domain("a.b.example.co.uk"), "example.co.uk");
    EXPECT_EQ(registered_domain("d1.cloudfront.net"), "d1.cloudfront.net");
    EXPECT_EQ(registered_domain("t.evil.duckdns.org"), "evil.duckdns.org");
    EXPECT_EQ(registered_domain("com"), "");
    EXPECT_EQ(registered_domain(""), "");
}

TEST(RegisteredDomain, OfUnlistedEndingsIsTheLastTwoLabels)
{
    EXPECT_EQ(registered_domain("x.y.pirate.sea"), "pirate.sea");
    EXPECT_FALSE(has_public_suffix("printer.lan"));
    EXPECT_TRUE(has_public_suffix("printer.example.org"));
    EXPECT_FALSE(has_public_suffix("localhost"));
}

TEST(RegisteredDomain, LooksAtTheEndOfLongNamesOnly)
{
    std::string name;
    for (int i = 0; i < 100; i++)
        name += "a.";
    EXPECT_EQ(registered_domain(name + "example.com"), "example.com");
}

} // namespace
} // namespace flowguard::test
