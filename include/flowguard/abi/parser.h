/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet parser: one source for the kernel programs, capture reading, unit tests and fuzzing.
 *
 * Two steps, because policy stands between them: fg_parse_network() finds the addresses, fg_parse_transport() the ports.
 * Neither reads outside [position, end), neither fails: what does not parse is described as such in the key.
 */
#ifndef FLOWGUARD_ABI_PARSER_H
#define FLOWGUARD_ABI_PARSER_H

#include "flow.h"

enum fg_link {
    FG_LINK_ETHERNET = 0,
    FG_LINK_RAW_IP = 1, /* no link header: tun, WireGuard, ppp */
};

enum fg_ether_type {
    FG_ETHER_LLC = 0x0004, /* stands for every 802.3 length field, as ETH_P_802_2 does in Linux */
    FG_ETHER_MIN = 0x0600, /* below: a length, not a type */
    FG_ETHER_IPV4 = 0x0800,
    FG_ETHER_VLAN = 0x8100,
    FG_ETHER_IPV6 = 0x86dd,
    FG_ETHER_QINQ = 0x88a8,
    FG_ETHER_QINQ_OLD = 0x9100,
};

enum fg_protocol {
    FG_PROTO_HOP_OPTIONS = 0,
    FG_PROTO_ICMP = 1,
    FG_PROTO_TCP = 6,
    FG_PROTO_UDP = 17,
    FG_PROTO_DCCP = 33,
    FG_PROTO_ROUTING = 43,
    FG_PROTO_FRAGMENT = 44,
    FG_PROTO_ICMPV6 = 58,
    FG_PROTO_DEST_OPTIONS = 60,
    FG_PROTO_SCTP = 132,
    FG_PROTO_MOBILITY = 135,
    FG_PROTO_UDPLITE = 136,
};

enum fg_tcp_flag {
    FG_TCP_FIN = 0x01,
    FG_TCP_SYN = 0x02,
    FG_TCP_RST = 0x04,
    FG_TCP_PSH = 0x08,
    FG_TCP_ACK = 0x10,
};

#define FG_MAX_VLANS 2
#define FG_VLAN_TAG_LENGTH 4
#define FG_MAX_IPV6_EXTENSIONS 8
#define FG_VLAN_ID_MASK 0x0fff

struct fg_cursor {
    const __u8 *position;
    const __u8 *end;
};

/* What the parser learns from one packet. */
struct fg_packet {
    struct fg_flow_key key;
    __u32 header_length; /* bytes before the transport payload, as far as parsed */
    __u8 tcp_flags;
    __u8 ttl;
    __u8 vlans; /* tags seen so far: entries of key.vlan */
    __u8 cut;   /* the TCP header is not whole: nobody knows its flags */
} __attribute__((aligned(8)));
FG_STATIC_ASSERT(sizeof(struct fg_packet) == 56);

FG_INLINE __u16 fg_load16(const __u8 *at) { return (__u16)(at[0] << 8 | at[1]); }

/* True when length bytes are left. */
FG_INLINE int fg_has(const struct fg_cursor *cursor, __u32 length) { return cursor->position + length <= cursor->end; }

FG_INLINE void fg_advance(struct fg_cursor *cursor, struct fg_packet *packet, __u32 length)
{
    cursor->position += length;
    packet->header_length += length;
}

/* Key of a packet without usable addresses. */
FG_INLINE void fg_set_unaddressed(struct fg_packet *packet, __u8 kind, __u16 ether_type)
{
    packet->key.kind = kind;
    packet->key.sport = ether_type < FG_ETHER_MIN ? (__u16)FG_ETHER_LLC : ether_type;
}

FG_INLINE int fg_is_vlan(__u16 ether_type)
{
    return ether_type == FG_ETHER_VLAN || ether_type == FG_ETHER_QINQ || ether_type == FG_ETHER_QINQ_OLD;
}

/* Ethernet and up to FG_MAX_VLANS tags. Returns the EtherType, or 0 if even that is cut off. */
FG_INLINE __u16 fg_parse_ethernet(struct fg_cursor *cursor, struct fg_packet *packet)
{
    if (!fg_has(cursor, 14))
        return 0;
    __u16 type = fg_load16(cursor->position + 12);
    fg_advance(cursor, packet, 14);
    for (int i = 0; i < FG_MAX_VLANS; i++) {
        if (!fg_is_vlan(type) || packet->vlans >= FG_MAX_VLANS || !fg_has(cursor, 4))
            break;
        packet->key.vlan[packet->vlans & 1] = fg_load16(cursor->position) & FG_VLAN_ID_MASK;
        packet->vlans++;
        type = fg_load16(cursor->position + 2);
        fg_advance(cursor, packet, 4);
    }
    return type;
}

/* RFC 791. Later fragments carry no ports. */
FG_INLINE int fg_parse_ipv4(struct fg_cursor *cursor, struct fg_packet *packet)
{
    const __u8 *ip = cursor->position;
    if (!fg_has(cursor, 20))
        return 0;
    __u32 length = (__u32)(ip[0] & 0x0f) * 4;
    if (ip[0] >> 4 != 4 || length < 20)
        return 0;
    struct fg_flow_key *key = &packet->key;
    key->kind = FG_KIND_IPV4;
    key->src[10] = key->src[11] = key->dst[10] = key->dst[11] = 0xff;
    __builtin_memcpy(key->src + 12, ip + 12, 4);
    __builtin_memcpy(key->dst + 12, ip + 16, 4);
    key->proto = ip[9];
    packet->ttl = ip[8];
    if ((fg_load16(ip + 6) & 0x1fff) != 0)
        key->flags |= FG_KEY_FRAGMENT;
    if (!fg_has(cursor, length))
        key->flags |= FG_KEY_TRUNCATED;
    else
        fg_advance(cursor, packet, length);
    return 1;
}

FG_INLINE int fg_is_extension(__u8 proto)
{
    return proto == FG_PROTO_HOP_OPTIONS || proto == FG_PROTO_ROUTING || proto == FG_PROTO_FRAGMENT ||
           proto == FG_PROTO_DEST_OPTIONS || proto == FG_PROTO_MOBILITY;
}

/*
 * RFC 8200 section 4: the chain of extension headers. AH and ESP end it: they are counted by protocol.
 * A chain longer than FG_MAX_IPV6_EXTENSIONS or cut off is marked and leaves the ports 0.
 */
FG_INLINE void fg_skip_extensions(struct fg_cursor *cursor, struct fg_packet *packet)
{
    for (int i = 0; i < FG_MAX_IPV6_EXTENSIONS; i++) {
        __u8 proto = packet->key.proto;
        if (!fg_is_extension(proto))
            return;
        const __u8 *header = cursor->position;
        if (!fg_has(cursor, 8))
            break;
        __u32 length = proto == FG_PROTO_FRAGMENT ? 8 : ((__u32)header[1] + 1) * 8;
        if (!fg_has(cursor, length))
            break;
        packet->key.proto = header[0];
        fg_advance(cursor, packet, length);
        if (proto == FG_PROTO_FRAGMENT && (fg_load16(header + 2) & 0xfff8) != 0) {
            packet->key.flags |= FG_KEY_FRAGMENT;
            return; /* what follows is payload, whatever the next header says */
        }
    }
    if (fg_is_extension(packet->key.proto))
        packet->key.flags |= FG_KEY_TRUNCATED;
}

FG_INLINE int fg_parse_ipv6(struct fg_cursor *cursor, struct fg_packet *packet)
{
    const __u8 *ip = cursor->position;
    if (!fg_has(cursor, 40) || ip[0] >> 4 != 6)
        return 0;
    packet->key.kind = FG_KIND_IPV6;
    __builtin_memcpy(packet->key.src, ip + 8, 16);
    __builtin_memcpy(packet->key.dst, ip + 24, 16);
    packet->key.proto = ip[6];
    packet->ttl = ip[7];
    fg_advance(cursor, packet, 40);
    fg_skip_extensions(cursor, packet);
    return 1;
}

/*
 * Link and network headers into *packet, which the caller has zeroed; key.slot, and vlan tags that the device took off
 * the frame, may be set already. Leaves the cursor at the transport header.
 */
FG_INLINE void fg_parse_network(struct fg_cursor *cursor, struct fg_packet *packet, enum fg_link link)
{
    __u16 type = 0;
    if (link == FG_LINK_ETHERNET)
        type = fg_parse_ethernet(cursor, packet);
    else if (fg_has(cursor, 1))
        type = cursor->position[0] >> 4 == 6 ? FG_ETHER_IPV6 : FG_ETHER_IPV4;

    if (type == FG_ETHER_IPV4) {
        if (!fg_parse_ipv4(cursor, packet))
            fg_set_unaddressed(packet, FG_KIND_MALFORMED, type);
    } else if (type == FG_ETHER_IPV6) {
        if (!fg_parse_ipv6(cursor, packet))
            fg_set_unaddressed(packet, FG_KIND_MALFORMED, type);
    } else {
        fg_set_unaddressed(packet, FG_KIND_NON_IP, type);
    }
}

FG_INLINE int fg_has_ports(__u8 proto)
{
    return proto == FG_PROTO_TCP || proto == FG_PROTO_UDP || proto == FG_PROTO_SCTP || proto == FG_PROTO_DCCP ||
           proto == FG_PROTO_UDPLITE;
}

/* RFC 9293: ports are read before the length is judged, because they are there in the first 8 bytes. */
FG_INLINE void fg_parse_tcp(struct fg_cursor *cursor, struct fg_packet *packet)
{
    const __u8 *tcp = cursor->position;
    if (!fg_has(cursor, 20)) {
        packet->cut = 1;
        return;
    }
    __u32 length = (__u32)(tcp[12] >> 4) * 4;
    packet->tcp_flags = tcp[13];
    packet->header_length += length < 20 ? 20 : length;
}

/* Ports, or ICMP type and code, and TCP flags. Only after fg_parse_network(). */
FG_INLINE void fg_parse_transport(struct fg_cursor *cursor, struct fg_packet *packet)
{
    struct fg_flow_key *key = &packet->key;
    if (key->kind > FG_KIND_IPV6 || (key->flags & FG_KEY_NO_PORTS))
        return;
    const __u8 *header = cursor->position;
    if (fg_has_ports(key->proto)) {
        if (!fg_has(cursor, 4)) {
            key->flags |= FG_KEY_TRUNCATED;
            return;
        }
        key->sport = fg_load16(header);
        key->dport = fg_load16(header + 2);
        if (key->proto == FG_PROTO_TCP)
            fg_parse_tcp(cursor, packet);
        else if (key->proto == FG_PROTO_UDP)
            packet->header_length += 8;
    } else if (key->proto == FG_PROTO_ICMP || key->proto == FG_PROTO_ICMPV6) {
        if (!fg_has(cursor, 2)) {
            key->flags |= FG_KEY_TRUNCATED;
            return;
        }
        key->sport = header[0];
        key->dport = header[1];
    }
}

#endif
