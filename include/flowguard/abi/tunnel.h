/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels: from the outer flow of a packet to the one inside it.
 *
 * VXLAN (RFC 7348), GRE (RFC 2784, 2890), IP in IP (RFC 2003, 2473, 4213) and PPPoE sessions (RFC 2516). Whoever sends
 * a packet also chooses what its payload looks like, so nothing here is an error: what is no tunnel, or has no IP header
 * inside that parses, stays the outer flow that it was.
 */
#ifndef FLOWGUARD_ABI_TUNNEL_H
#define FLOWGUARD_ABI_TUNNEL_H

#include "parser.h"

#define FG_MAX_TUNNELS 2 /* one inside the other: VXLAN over PPPoE */
#define FG_MAX_OUTER_LENGTH 1024

enum fg_tunnel_ether_type {
    FG_ETHER_BRIDGED = 0x6558, /* Transparent Ethernet Bridging: a whole frame */
    FG_ETHER_PPPOE_SESSION = 0x8864,
};

enum fg_tunnel_protocol {
    FG_PROTO_IPV4_INSIDE = 4,
    FG_PROTO_IPV6_INSIDE = 41,
    FG_PROTO_GRE = 47,
};

enum fg_ppp_protocol {
    FG_PPP_IPV4 = 0x0021,
    FG_PPP_IPV6 = 0x0057,
};

enum fg_gre_flag {
    FG_GRE_CHECKSUM = 0x8000,
    FG_GRE_KEY = 0x2000,
    FG_GRE_SEQUENCE = 0x1000,
    FG_GRE_UNKNOWN = 0x4c07, /* must be 0: routing and what else RFC 1701 had, and the version, which PPTP changes */
};

#define FG_VXLAN_PORT 4789
#define FG_VXLAN_HAS_ID 0x08
#define FG_PPPOE_VERSION_AND_TYPE 0x11

/* The fg_open_* functions step over a tunnel's header. They return the EtherType of what is inside, or 0. */
FG_INLINE __u16 fg_open_vxlan(struct fg_cursor *cursor, struct fg_packet *inner)
{
    if (!fg_has(cursor, 8) || !(cursor->position[0] & FG_VXLAN_HAS_ID))
        return 0;
    fg_advance(cursor, inner, 8);
    return FG_ETHER_BRIDGED;
}

FG_INLINE __u16 fg_open_gre(struct fg_cursor *cursor, struct fg_packet *inner)
{
    const __u8 *gre = cursor->position;
    if (!fg_has(cursor, 4))
        return 0;
    __u16 flags = fg_load16(gre);
    __u16 type = fg_load16(gre + 2);
    __u32 length = 4;
    if (flags & FG_GRE_CHECKSUM)
        length += 4;
    if (flags & FG_GRE_KEY)
        length += 4;
    if (flags & FG_GRE_SEQUENCE)
        length += 4;
    if ((flags & FG_GRE_UNKNOWN) || !fg_has(cursor, length))
        return 0;
    fg_advance(cursor, inner, length);
    return type;
}

/* Sessions only: discovery has an EtherType of its own. RFC 1661: an odd first byte is the whole protocol field. */
FG_INLINE __u16 fg_open_pppoe(struct fg_cursor *cursor, struct fg_packet *inner)
{
    const __u8 *pppoe = cursor->position;
    if (!fg_has(cursor, 8) || pppoe[0] != FG_PPPOE_VERSION_AND_TYPE || pppoe[1] != 0)
        return 0;
    __u32 short_field = pppoe[6] & 1;
    __u16 protocol = short_field ? pppoe[6] : fg_load16(pppoe + 6);
    fg_advance(cursor, inner, 8 - short_field);
    if (protocol == FG_PPP_IPV4)
        return FG_ETHER_IPV4;
    return protocol == FG_PPP_IPV6 ? (__u16)FG_ETHER_IPV6 : (__u16)0;
}

FG_INLINE __u16 fg_open_tunnel(struct fg_cursor *cursor, const struct fg_flow_key *outer, struct fg_packet *inner)
{
    if (outer->kind == FG_KIND_NON_IP && outer->sport == FG_ETHER_PPPOE_SESSION)
        return fg_open_pppoe(cursor, inner);
    if (outer->kind > FG_KIND_IPV6 || (outer->flags & FG_KEY_NO_PORTS))
        return 0;
    if (outer->proto == FG_PROTO_IPV4_INSIDE)
        return FG_ETHER_IPV4;
    if (outer->proto == FG_PROTO_IPV6_INSIDE)
        return FG_ETHER_IPV6;
    if (outer->proto == FG_PROTO_GRE)
        return fg_open_gre(cursor, inner);
    if (outer->proto == FG_PROTO_UDP && outer->dport == FG_VXLAN_PORT)
        return fg_open_vxlan(cursor, inner);
    return 0;
}

/*
 * Takes one tunnel off, after fg_parse_transport(): returns 1 and *packet describes the inner packet, or returns 0 and
 * *packet is as it was. `frame` is the whole packet, as it was given to fg_parse_network().
 */
FG_INLINE int fg_decapsulate(struct fg_cursor frame, struct fg_packet *packet)
{
    struct fg_packet inner = {};
    __u32 outer_length = packet->header_length;
    if (outer_length > FG_MAX_OUTER_LENGTH || !fg_has(&frame, outer_length))
        return 0;
    fg_advance(&frame, &inner, outer_length);
    __u16 type = fg_open_tunnel(&frame, &packet->key, &inner);
    if (type == FG_ETHER_BRIDGED)
        type = fg_parse_ethernet(&frame, &inner);
    if (!(type == FG_ETHER_IPV4 && fg_parse_ipv4(&frame, &inner)) &&
        !(type == FG_ETHER_IPV6 && fg_parse_ipv6(&frame, &inner)))
        return 0;
    fg_parse_transport(&frame, &inner);
    inner.key.flags |= FG_KEY_TUNNELED;
    inner.key.slot = packet->key.slot;
    /* Tags of the wire tell flows apart; those inside belong to the tunnel's own network and are passed over. */
    inner.key.vlan[0] = packet->key.vlan[0];
    inner.key.vlan[1] = packet->key.vlan[1];
    inner.vlans = packet->vlans;
    *packet = inner;
    return 1;
}

#endif
