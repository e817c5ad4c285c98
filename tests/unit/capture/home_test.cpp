// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/home.h"

#include "flowguard/capture/packet_filter.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

fg_packet packet(const char *from, const char *to, std::uint8_t ttl)
{
    fg_packet made{};
    made.key.kind = FG_KIND_IPV4;
    made.ttl = ttl;
    const fg_address source = IpAddress::parse(from)->to_abi();
    const fg_address target = IpAddress::parse(to)->to_abi();
    std::copy_n(source.bytes, 16, made.key.src);
    std::copy_n(target.bytes, 16, made.key.dst);
    return made;
}

TEST(HomeGuess, PrivateAddressesAreEnough)
{
    HomeGuess guess;
    for (int i = 0; i < 100; i++)
        guess.add(packet("10.0.0.1", "192.0.2.1", 64));
    EXPECT_EQ(guess.host(), std::nullopt);
}

TEST(HomeGuess, AStrayPrivatePacketMakesNoNetwork)
{
    HomeGuess guess;
    for (int i = 0; i < 1000; i++)
        guess.add(packet("192.0.2.1", "198.51.100.7", 64));
    guess.add(packet("10.0.0.1", "192.0.2.1", 64));
    guess.add(packet("169.254.1.1", "192.0.2.1", 64));
    EXPECT_EQ(guess.host()->to_string(), "192.0.2.1");
}

TEST(HomeGuess, TheBusiestOneIsAStrangerIfItsPacketsPassedRouters)
{
    HomeGuess guess;
    for (int i = 0; i < 100; i++) {
        guess.add(packet("203.0.113.9", "192.0.2.1", 47)); /* asks two servers */
        guess.add(packet("203.0.113.9", "192.0.2.2", 47));
        guess.add(packet("192.0.2.2", "203.0.113.9", 64));
    }
    EXPECT_EQ(guess.host()->to_string(), "192.0.2.2");
}

TEST(HomeGuess, NobodyAtAll)
{
    HomeGuess guess;
    EXPECT_EQ(guess.host(), std::nullopt);
    guess.add(packet("0.0.0.0", "255.255.255.255", 64));
    EXPECT_EQ(guess.host(), std::nullopt);
}

TEST(PacketFilter, ErrorsSayWhere)
{
    const auto why = [](const char *expression) {
        const std::vector<std::uint8_t> frame(60);
        auto filter = PacketFilter::of(expression);
        const auto matched = filter ? filter->matches({.time = 1, .frame = frame, .length = 60, .link_type = 1})
                                    : Result<bool>(std::unexpected(filter.error()));
        return matched ? std::string() : matched.error().message;
    };
    EXPECT_EQ(why("tcp or not tcp"), "");
    EXPECT_NE(why("tcp and (dst prot 80)").find("at 'prot' (character 14)"), std::string::npos)
        << why("tcp and (dst prot 80)");
    EXPECT_NE(why("tcp and").find("at its end"), std::string::npos) << why("tcp and");
    EXPECT_NE(why("host example.com").find("at 'example.com'"), std::string::npos);
}

TEST(PacketFilter, KnowsEachLink)
{
    auto filter = PacketFilter::of("ip and udp");
    std::vector<std::uint8_t> raw(28);
    raw[0] = 0x45;
    raw[9] = 17;
    EXPECT_TRUE(*filter->matches({.time = 1, .frame = raw, .length = 28, .link_type = 101}));
    EXPECT_FALSE(*filter->matches({.time = 1, .frame = raw, .length = 28, .link_type = 1}));
}

} // namespace
} // namespace flowguard
