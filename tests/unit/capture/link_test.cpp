// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/link.h"

#include "files.h"
#include "flowguard/core/ip_address.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

/// 192.0.2.1:1000 > 192.0.2.2:53 over UDP, with a payload of two bytes.
Bytes datagram()
{
    return File(true)
        .u8(0x45)
        .u8(0)
        .u16(30)
        .u32(0)
        .u8(64)
        .u8(17)
        .u16(0)
        .u32(0xc0000201)
        .u32(0xc0000202)
        .u16(1000)
        .u16(53)
        .u16(10)
        .u16(0)
        .u16(0x4142)
        .bytes;
}

Bytes behind(const Bytes &header)
{
    Bytes frame = header;
    const Bytes packet = datagram();
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
}

void expect_datagram(std::uint32_t link_type, const Bytes &header)
{
    const Bytes frame = behind(header);
    const ParsedFrame parsed = parse_frame(link_type, frame, false);
    EXPECT_EQ(parsed.packet.key.kind, FG_KIND_IPV4) << link_type;
    EXPECT_EQ(IpAddress(parsed.packet.key.dst).to_string(), "192.0.2.2") << link_type;
    EXPECT_EQ(parsed.packet.key.dport, 53) << link_type;
    EXPECT_EQ(parsed.payload, frame.size() - 2) << link_type;
    for (std::size_t length = 0; length < frame.size(); length++)
        parse_frame(link_type, std::span(frame).first(length), true); /* under the address sanitizer */
}

Bytes zeros(std::size_t count) { return Bytes(count); }
Bytes then(Bytes a, const Bytes &b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const Bytes snap{0xaa, 0xaa, 3, 0, 0, 0, 8, 0};

TEST(Link, IpBehindEachHeader)
{
    expect_datagram(1, then(zeros(12), {8, 0}));
    expect_datagram(101, {});
    expect_datagram(12, {});
    expect_datagram(228, {});
    expect_datagram(0, {2, 0, 0, 0});
    expect_datagram(0, {0, 0, 0, 2});
    expect_datagram(108, {0, 0, 0, 2});
    expect_datagram(113, then(zeros(14), {8, 0}));
    expect_datagram(276, then({8, 0}, zeros(18)));
    expect_datagram(9, {0xff, 3, 0, 0x21});
    expect_datagram(9, {0x21});
    expect_datagram(50, {0x0f, 0, 8, 0});
    expect_datagram(166, {1, 3, 0, 0x21});
    expect_datagram(51, {0x11, 0, 0, 1, 0, 32, 0, 0x21});
    expect_datagram(104, {0x0f, 0, 8, 0});
    expect_datagram(107, {0x18, 0x41, 3, 0xcc});
    expect_datagram(10, then(zeros(13), snap));
}

TEST(Link, Wifi)
{
    const Bytes data = then({0x08, 0x01}, zeros(22));
    const Bytes quality = then({0x88, 0x02}, zeros(24));
    const Bytes between = then({0x08, 0x03}, zeros(28));
    expect_datagram(105, then(data, snap));
    expect_datagram(105, then(quality, snap));
    expect_datagram(105, then(between, snap));
    expect_datagram(127, then(then({0, 0, 8, 0, 0, 0, 0, 0}, data), snap));
    /* A time and flags are present, which say that the header is filled up to 28 bytes. */
    const Bytes radiotap{0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20};
    expect_datagram(127, then(then(radiotap, then(quality, {0, 0})), snap));
    expect_datagram(119, then(then(zeros(144), data), snap));
    expect_datagram(163, then(then(then({0x80, 0x21, 0x10, 1, 0, 0, 0, 64}, zeros(56)), data), snap));
    expect_datagram(192, then(then({0, 0, 8, 0, 105, 0, 0, 0}, data), snap));
    for (const Bytes &opaque :
         {then({0x08, 0x41}, zeros(22)), then({0x80, 0x00}, zeros(22)), then({0x48, 0x01}, zeros(22))})
        EXPECT_TRUE(is_opaque(parse_frame(105, behind(then(opaque, snap)), false).packet.key))
            << "encrypted, a beacon, no data";
}

TEST(Link, WhatIsNoIpKeepsItsEtherType)
{
    for (const auto &[link_type, header] :
         {std::pair{1U, then(zeros(12), {8, 6})}, {113U, then(zeros(14), {8, 6})}, {276U, then({8, 6}, zeros(18))}}) {
        const auto key = parse_frame(link_type, then(header, zeros(28)), false).packet.key;
        EXPECT_EQ(key.kind, FG_KIND_NON_IP);
        EXPECT_EQ(key.sport, 0x0806);
        EXPECT_FALSE(is_opaque(key));
    }
}

TEST(Link, TagsBehindACookedHeader)
{
    const auto parsed = parse_frame(113, behind(then(zeros(14), {0x81, 0, 0, 7, 8, 0})), false);
    EXPECT_EQ(parsed.packet.key.vlan[0], 7);
    EXPECT_EQ(parsed.packet.key.dport, 53);
}

TEST(Link, UnknownTypesKeepTheirName)
{
    const auto key = parse_frame(189, behind({}), false).packet.key;
    EXPECT_TRUE(is_opaque(key));
    EXPECT_EQ(link_type_name(key.dport), "USB_LINUX");
    EXPECT_FALSE(is_known_link(189));
    EXPECT_TRUE(is_known_link(276));
    EXPECT_EQ(link_type_name(1), "EN10MB");
    EXPECT_EQ(link_type_name(101), "RAW");
    EXPECT_EQ(link_type_name(54321), "54321");
}

TEST(Link, InsideOfTunnelsOnlyWhenAsked)
{
    Bytes outer = File(true).u8(0x45).u8(0).u16(50).u32(0).u8(64).u8(4).u16(0).u32(0x0a000001).u32(0x0a000002).bytes;
    const Bytes frame = behind(outer);
    EXPECT_EQ(parse_frame(101, frame, false).packet.key.proto, 4);
    const auto inner = parse_frame(101, frame, true);
    EXPECT_EQ(inner.packet.key.dport, 53);
    EXPECT_EQ(inner.payload, frame.size() - 2);
}

} // namespace
} // namespace flowguard::test
