// SPDX-License-Identifier: Apache-2.0
/* One whole packet of each kind, to be cut, lengthened and compared. */
#pragma once

#include "packet.h"

namespace flowguard::test {

struct Sample {
    const char *what;
    Packet packet;
};

inline Packet v4_sample(std::uint8_t proto, Packet::V4 with = {})
{
    return Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", proto, with);
}

inline Packet v6_sample(std::uint8_t next_header)
{
    return Packet().ethernet(0x86dd).ipv6("fd00::1", "fd00::2", next_header);
}

inline std::vector<Sample> samples()
{
    return {
        {"TCP", v4_sample(6).tcp(1000, 80, 0x12).zeros(12)},
        {"UDP", v4_sample(17).udp(5353, 53).zeros(12)},
        {"UDP-Lite", v4_sample(136).udp(5353, 53)},
        {"SCTP", v4_sample(132).udp(7, 9).zeros(8)},
        {"DCCP", v4_sample(33).udp(7, 9).zeros(8)},
        {"ICMP", v4_sample(1).icmp(8, 3)},
        {"ESP", v4_sample(50).zeros(20)},
        {"IPv4 options", v4_sample(6, {.option_words = 10}).tcp(1000, 80, 0x02)},
        {"first fragment", v4_sample(17, {.fragment_offset = 0x2000}).udp(1, 2)},
        {"later fragment", v4_sample(17, {.fragment_offset = 185}).udp(1, 2)},
        {"IPv4 of version 5", v4_sample(17, {.version_and_length = 0x55}).udp(1, 2)},
        {"IPv4 header of 16 bytes", v4_sample(17, {.version_and_length = 0x44}).udp(1, 2)},
        {"VLAN", Packet().ethernet(0x8100).vlan(100, 0x0800).ipv4("10.0.0.1", "10.0.0.2", 17).udp(1, 2)},
        {"QinQ",
         Packet().ethernet(0x88a8).vlan(5, 0x8100).vlan(100, 0x86dd).ipv6("fd00::1", "fd00::2", 6).tcp(3, 4, 1)},
        {"tags and extensions", Packet()
                                    .ethernet(0x88a8)
                                    .vlan(5, 0x8100)
                                    .vlan(6, 0x86dd)
                                    .ipv6("fd00::1", "fd00::2", 0)
                                    .extension(43)
                                    .extension(60, 3)
                                    .extension(17)
                                    .udp(1, 2)},
        {"IPv6 TCP", v6_sample(6).tcp(1000, 80, 0x04)},
        {"ICMPv6", v6_sample(58).icmp(128, 1)},
        {"IPv6 extensions", v6_sample(0).extension(60).extension(43, 2).extension(135).extension(17).udp(1, 2)},
        {"IPv6 first fragment", v6_sample(44).fragment(17, 0).udp(1, 2)},
        {"IPv6 later fragment", v6_sample(44).fragment(17, 100).udp(1, 2)},
        {"AH ends the chain", v6_sample(51).extension(6).zeros(20)},
        {"ARP", Packet().ethernet(0x0806).zeros(28)},
        {"802.3 length", Packet().ethernet(38).zeros(38)},
    };
}

} // namespace flowguard::test
