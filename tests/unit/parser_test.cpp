// SPDX-License-Identifier: Apache-2.0
/* The same parser as in the kernel, compiled for user space. What each kind of packet becomes stands in tests/bpf. */
#include "flowguard/abi/parser.h"

#include "../bpf/packet.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

fg_packet parse(const std::vector<std::uint8_t> &bytes, fg_link link)
{
    fg_packet packet{};
    fg_cursor cursor{bytes.data(), bytes.data() + bytes.size()};
    fg_parse_network(&cursor, &packet, link);
    fg_parse_transport(&cursor, &packet);
    return packet;
}

const std::vector<Packet> &samples()
{
    static const std::vector<Packet> all{
        Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", 6, {.option_words = 10}).tcp(1000, 80, 2),
        Packet()
            .ethernet(0x88a8)
            .vlan(5, 0x8100)
            .vlan(6, 0x86dd)
            .ipv6("fd00::1", "fd00::2", 0)
            .extension(43)
            .extension(60, 3)
            .extension(17)
            .udp(1, 2),
        Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", 44).fragment(17, 0).udp(1, 2),
        Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", 1).icmp(8, 0),
        Packet().ethernet(0x0806).zeros(28),
    };
    return all;
}

/* The copies are exactly as long as the packet, so the address sanitizer sees every byte read beyond its end. */
TEST(Parser, ReadsNoByteBeyondTheEndWhereverAPacketIsCut)
{
    for (const Packet &sample : samples())
        for (std::size_t length = 0; length <= sample.bytes().size(); length++)
            for (const auto link : {FG_LINK_ETHERNET, FG_LINK_RAW_IP}) {
                const std::vector<std::uint8_t> cut(sample.bytes().begin(),
                                                    sample.bytes().begin() + static_cast<std::ptrdiff_t>(length));
                const fg_packet packet = parse(cut, link);
                EXPECT_GE(packet.key.kind, FG_KIND_IPV4);
                EXPECT_LE(packet.key.kind, FG_KIND_MALFORMED);
            }
}

TEST(Parser, MeasuresTheHeadersThatGroTookOff)
{
    EXPECT_EQ(parse(samples()[0].bytes(), FG_LINK_ETHERNET).header_length, 14U + 60 + 20);
    EXPECT_EQ(parse(samples()[1].bytes(), FG_LINK_ETHERNET).header_length, 14U + 8 + 40 + 8 + 32 + 8 + 8);
}

TEST(Parser, EndsAtTooLongAnExtensionChain)
{
    Packet packet = Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", 0);
    for (int i = 0; i < FG_MAX_IPV6_EXTENSIONS + 1; i++)
        packet.extension(i == FG_MAX_IPV6_EXTENSIONS ? 17 : 60);
    packet.udp(1, 2);
    const fg_packet parsed = parse(packet.bytes(), FG_LINK_ETHERNET);
    EXPECT_EQ(parsed.key.flags, FG_KEY_TRUNCATED);
    EXPECT_EQ(parsed.key.sport, 0);
}

} // namespace
} // namespace flowguard::test
