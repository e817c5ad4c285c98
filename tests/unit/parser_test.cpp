// SPDX-License-Identifier: Apache-2.0
/* The same parser as in the kernel, compiled for user space. What each kind of packet becomes stands in tests/bpf. */
#include "../bpf/flow_sums.h"
#include "../bpf/samples.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

TEST(Parser, MeasuresTheHeadersThatGroTookOff)
{
    const Packet options = v4_sample(6, {.option_words = 10}).tcp(1000, 80, 2);
    EXPECT_EQ(parse_frame(options.bytes(), FG_LINK_ETHERNET).header_length, 14U + 60 + 20);
    const Packet extensions = Packet()
                                  .ethernet(0x88a8)
                                  .vlan(5, 0x8100)
                                  .vlan(6, 0x86dd)
                                  .ipv6("fd00::1", "fd00::2", 0)
                                  .extension(43)
                                  .extension(60, 3)
                                  .extension(17)
                                  .udp(1, 2);
    EXPECT_EQ(parse_frame(extensions.bytes(), FG_LINK_ETHERNET).header_length, 14U + 8 + 40 + 8 + 32 + 8 + 8);
}

TEST(Parser, EndsAtTooLongAnExtensionChain)
{
    Packet packet = Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", 0);
    for (int i = 0; i < FG_MAX_IPV6_EXTENSIONS + 1; i++)
        packet.extension(i == FG_MAX_IPV6_EXTENSIONS ? 17 : 60);
    packet.udp(1, 2);
    const fg_packet parsed = parse_frame(packet.bytes(), FG_LINK_ETHERNET);
    EXPECT_EQ(parsed.key.flags, FG_KEY_TRUNCATED);
    EXPECT_EQ(parsed.key.sport, 0);
}

} // namespace
} // namespace flowguard::test
