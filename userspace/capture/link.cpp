// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/link.h"

#include "flowguard/abi/tunnel.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace flowguard {
namespace {

using Frame = std::span<const std::uint8_t>;
using Form = LinkPayload::Form;

/// Numbers of the registry at https://www.tcpdump.org/linktypes.html
enum LinkType : std::uint32_t {
    link_null = 0,
    link_ethernet = 1,
    link_ppp = 9,
    link_fddi = 10,
    link_raw_bsd = 12,
    link_raw_openbsd = 14,
    link_ppp_hdlc = 50,
    link_ppp_ether = 51,
    link_raw = 101,
    link_cisco_hdlc = 104,
    link_wifi = 105,
    link_frame_relay = 107,
    link_loop = 108,
    link_cooked = 113,
    link_prism = 119,
    link_radiotap = 127,
    link_avs = 163,
    link_ppp_directed = 166,
    link_ppi = 192,
    link_ipv4 = 228,
    link_ipv6 = 229,
    link_cooked_2 = 276,
};

std::uint32_t little32(const std::uint8_t *at)
{
    return static_cast<std::uint32_t>(at[0] | at[1] << 8 | at[2] << 16) | static_cast<std::uint32_t>(at[3]) << 24;
}
std::uint32_t big32(const std::uint8_t *at) { return __builtin_bswap32(little32(at)); }
std::uint16_t little16(const std::uint8_t *at) { return static_cast<std::uint16_t>(at[0] | at[1] << 8); }

LinkPayload typed(std::uint16_t ether_type, std::size_t offset) { return {Form::Typed, ether_type, offset}; }

/// An EtherType at one place, and what it is of at another.
LinkPayload typed_at(Frame frame, std::size_t type, std::size_t payload)
{
    return frame.size() < payload ? LinkPayload{} : typed(fg_load16(frame.data() + type), payload);
}

/// IEEE 802.2, with the SNAP extension of RFC 1042 where there is one.
LinkPayload open_llc(Frame frame, std::size_t offset)
{
    constexpr std::size_t snap_length = 8;
    constexpr std::uint8_t snap[] = {0xaa, 0xaa, 0x03};
    if (frame.size() < offset + 3)
        return {};
    if (frame.size() < offset + snap_length || std::memcmp(frame.data() + offset, snap, sizeof snap) != 0)
        return typed(FG_ETHER_LLC, offset);
    return typed(fg_load16(frame.data() + offset + 6), offset + snap_length);
}

/// The address family of a BSD, in the byte order of who wrote it or of the network.
LinkPayload open_loopback(Frame frame)
{
    constexpr std::size_t header = 4;
    if (frame.size() < header)
        return {};
    std::uint32_t family = little32(frame.data());
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:
        return typed(FG_ETHER_IPV4, header);
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return typed(FG_ETHER_IPV6, header);
    default:
        return {};
    }
}

/// RFC 1661; an odd first byte is the whole protocol field.
LinkPayload open_ppp_protocol(Frame frame, std::size_t at)
{
    if (frame.size() < at + 2)
        return {};
    const bool one_byte = (frame[at] & 1) != 0;
    const unsigned protocol = one_byte ? frame[at] : fg_load16(frame.data() + at);
    const std::size_t payload = at + (one_byte ? 1 : 2);
    constexpr unsigned ipv4 = 0x21;
    constexpr unsigned ipv6 = 0x57;
    return protocol == ipv4   ? typed(FG_ETHER_IPV4, payload)
           : protocol == ipv6 ? typed(FG_ETHER_IPV6, payload)
                              : LinkPayload{};
}

LinkPayload open_ppp(std::uint32_t link_type, Frame frame)
{
    if (frame.size() < 2)
        return {};
    const bool cisco = link_type == link_ppp_hdlc && (frame[0] == 0x0f || frame[0] == 0x8f);
    if (cisco)
        return typed_at(frame, 2, 4);
    const bool addressed = frame[1] == 0x03 && (frame[0] == 0xff || link_type == link_ppp_directed);
    return open_ppp_protocol(frame, addressed ? 2 : 0);
}

/// RFC 2427, with addresses of two bytes.
LinkPayload open_frame_relay(Frame frame)
{
    if (frame.size() < 10 || frame[2] != 0x03)
        return {};
    switch (frame[3]) {
    case 0xcc:
        return typed(FG_ETHER_IPV4, 4);
    case 0x8e:
        return typed(FG_ETHER_IPV6, 4);
    case 0x00: /* padding, then SNAP */
        return frame[4] == 0x80 ? typed_at(frame, 8, 10) : LinkPayload{};
    default:
        return {};
    }
}

/// IEEE 802.11: data frames that are not encrypted. `aligned`: the header was filled up to a multiple of four.
LinkPayload open_wifi(Frame frame, std::size_t at, bool aligned)
{
    constexpr std::size_t shortest = 24;
    if (frame.size() < at + shortest)
        return {};
    const unsigned control = frame[at];
    const unsigned flags = frame[at + 1];
    const bool is_data = (control & 0x0f) == 0x08; /* version 0, type 2 */
    const bool without_data = (control & 0x40) != 0;
    const bool encrypted = (flags & 0x40) != 0;
    if (!is_data || without_data || encrypted)
        return {};
    std::size_t length = shortest + ((flags & 0x03) == 0x03 ? 6 : 0);      /* between access points: a fourth address */
    if (control & 0x80) {                                                  /* quality of service */
        if (frame.size() < at + length + 2 || (frame[at + length] & 0x80)) /* several frames in one */
            return {};
        length += 2 + ((flags & 0x80) ? 4 : 0);
    }
    if (aligned)
        length = (length + 3) & ~std::size_t{3};
    return open_llc(frame, at + length);
}

/// https://www.radiotap.org: of its fields, only whether the header was filled up matters here.
LinkPayload open_radiotap(Frame frame)
{
    constexpr std::size_t fixed = 8;
    if (frame.size() < fixed)
        return {};
    const std::size_t length = little16(frame.data() + 2);
    const std::uint32_t present = little32(frame.data() + 4);
    constexpr std::uint32_t more = 1U << 31;
    std::size_t at = fixed;
    for (std::uint32_t word = present; (word & more) && at + 4 <= std::min(frame.size(), length); at += 4)
        word = little32(frame.data() + at);
    if (present & 1)
        at = ((at + 7) & ~std::size_t{7}) + 8;
    const bool has_flags = (present & 2) && at < std::min(frame.size(), length);
    return open_wifi(frame, length, has_flags && (frame[at] & 0x20));
}

LinkPayload open_prism(Frame frame)
{
    constexpr std::uint32_t avs_cookie = 0x80211000; /* in the last digits: the version */
    constexpr std::size_t prism_length = 144;
    if (frame.size() < 8)
        return {};
    const bool avs = (big32(frame.data()) & 0xfffff000) == avs_cookie;
    return open_wifi(frame, avs ? big32(frame.data() + 4) : prism_length, false);
}

LinkPayload open_ppi(Frame frame)
{
    if (frame.size() < 8)
        return {};
    const std::size_t length = little16(frame.data() + 2);
    const std::uint32_t inner = little32(frame.data() + 4);
    if (inner == link_wifi)
        return open_wifi(frame, length, false);
    if (frame.size() < length || length < 8 || inner == link_ppi || inner == link_ethernet)
        return {};
    LinkPayload payload = open_link(inner, frame.subspan(length));
    payload.offset += length;
    return payload;
}

/// As fg_parse_network() does, for what has no Ethernet header.
void parse_typed(fg_cursor &cursor, fg_packet &packet, std::uint16_t type)
{
    while (fg_is_vlan(type) && packet.vlans < FG_MAX_VLANS && fg_has(&cursor, FG_VLAN_TAG_LENGTH)) {
        packet.key.vlan[packet.vlans++] = fg_load16(cursor.position) & FG_VLAN_ID_MASK;
        type = fg_load16(cursor.position + 2);
        fg_advance(&cursor, &packet, FG_VLAN_TAG_LENGTH);
    }
    if (type == FG_ETHER_IPV4 ? fg_parse_ipv4(&cursor, &packet)
                              : type == FG_ETHER_IPV6 && fg_parse_ipv6(&cursor, &packet))
        return;
    const bool malformed = type == FG_ETHER_IPV4 || type == FG_ETHER_IPV6;
    fg_set_unaddressed(&packet, malformed ? FG_KIND_MALFORMED : FG_KIND_NON_IP, type);
}

} // namespace

LinkPayload open_link(std::uint32_t link_type, std::span<const std::uint8_t> frame)
{
    constexpr std::size_t fddi_header = 13;
    constexpr std::size_t pppoe_header = 6;
    switch (link_type) {
    case link_ethernet:
        return {Form::Ethernet, 0, 0};
    case link_raw_bsd:
    case link_raw_openbsd:
    case link_raw:
    case link_ipv4:
    case link_ipv6:
        return {Form::Ip, 0, 0};
    case link_null:
    case link_loop:
        return open_loopback(frame);
    case link_cooked:
        return typed_at(frame, 14, 16);
    case link_cooked_2:
        return typed_at(frame, 0, 20);
    case link_ppp:
    case link_ppp_hdlc:
    case link_ppp_directed:
        return open_ppp(link_type, frame);
    case link_ppp_ether:
        return open_ppp_protocol(frame, pppoe_header);
    case link_cisco_hdlc:
        return typed_at(frame, 2, 4);
    case link_frame_relay:
        return open_frame_relay(frame);
    case link_fddi:
        return open_llc(frame, fddi_header);
    case link_wifi:
        return open_wifi(frame, 0, false);
    case link_radiotap:
        return open_radiotap(frame);
    case link_prism:
    case link_avs:
        return open_prism(frame);
    case link_ppi:
        return open_ppi(frame);
    default:
        return {};
    }
}

bool is_known_link(std::uint32_t link_type)
{
    constexpr std::array known{link_null,        link_ethernet,    link_ppp,  link_fddi,         link_raw_bsd,
                               link_raw_openbsd, link_ppp_hdlc,    link_raw,  link_ppp_ether,    link_cisco_hdlc,
                               link_wifi,        link_frame_relay, link_loop, link_cooked,       link_prism,
                               link_radiotap,    link_avs,         link_ppi,  link_ppp_directed, link_ipv4,
                               link_ipv6,        link_cooked_2};
    return std::ranges::find(known, link_type) != known.end();
}

int datalink_of(std::uint32_t link_type)
{
    switch (link_type) {
    case 100:
        return DLT_ATM_RFC1483;
    case link_raw:
        return DLT_RAW;
    case 106:
        return DLT_ATM_CLIP;
    case link_ppp_hdlc:
        return DLT_PPP_SERIAL;
    default:
        return static_cast<int>(link_type);
    }
}

std::string link_type_name(std::uint32_t link_type)
{
    constexpr std::uint32_t first_user = 147, last_user = 162;
    if (link_type >= first_user && link_type <= last_user)
        return fmt::format("USER{}", link_type - first_user);
    const char *name = pcap_datalink_val_to_name(datalink_of(link_type));
    return name ? name : std::to_string(link_type);
}

ParsedFrame parse_frame(std::uint32_t link_type, std::span<const std::uint8_t> frame, bool tunnels)
{
    ParsedFrame parsed;
    const LinkPayload link = open_link(link_type, frame);
    const auto behind = frame.subspan(std::min(link.offset, frame.size()));
    const fg_cursor whole{behind.data(), behind.data() + behind.size()};
    fg_cursor cursor = whole;
    switch (link.form) {
    case Form::Ethernet:
        fg_parse_network(&cursor, &parsed.packet, FG_LINK_ETHERNET);
        break;
    case Form::Ip:
        fg_parse_network(&cursor, &parsed.packet, FG_LINK_RAW_IP);
        break;
    case Form::Typed:
        parse_typed(cursor, parsed.packet, link.ether_type);
        break;
    case Form::Opaque:
        parsed.packet.key.kind = FG_KIND_NON_IP;
        parsed.packet.key.dport = static_cast<std::uint16_t>(link_type);
        return parsed;
    }
    fg_parse_transport(&cursor, &parsed.packet);
    for (int depth = 0; tunnels && depth < FG_MAX_TUNNELS && fg_decapsulate(whole, &parsed.packet); depth++)
        continue;
    parsed.payload = link.offset + parsed.packet.header_length;
    return parsed;
}

} // namespace flowguard
