/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow record: what the kernel counts for one direction of one flow during one epoch.
 *
 * Records of an epoch lie densely in an array, in order of first sight; a small open-addressing index beside it finds
 * them by key. Draining therefore reads exactly what was used, and a full table costs no more than a lookup.
 */
#ifndef FLOWGUARD_ABI_FLOW_H
#define FLOWGUARD_ABI_FLOW_H

#include "types.h"

enum fg_direction {
    FG_RX = 0,
    FG_TX = 1,
    FG_DIRECTIONS = 2,
};

/* What the key's fields mean. */
enum fg_kind {
    FG_KIND_IPV4 = 1, /* addresses are v4-mapped (::ffff:a.b.c.d) */
    FG_KIND_IPV6 = 2,
    FG_KIND_NON_IP = 3,    /* sport holds the EtherType; no addresses */
    FG_KIND_MALFORMED = 4, /* an IP EtherType whose header does not parse; sport holds the EtherType */
};

enum fg_key_flags {
    FG_KEY_FRAGMENT = 1,  /* fragments after the first: ports are 0, because they are not in the packet */
    FG_KEY_TRUNCATED = 2, /* the packet ends, or the IPv6 header chain goes on, before the ports */
    FG_KEY_TUNNELED = 4,  /* the flow inside a tunnel, which is never the same as one outside */
};
#define FG_KEY_NO_PORTS (FG_KEY_FRAGMENT | FG_KEY_TRUNCATED)

struct fg_flow_key {
    __u8 src[16];
    __u8 dst[16];
    __u16 sport;   /* host order; ICMP: type */
    __u16 dport;   /* host order; ICMP: code */
    __u16 vlan[2]; /* VLAN ids, outer first; 0: none */
    __u8 proto;    /* IANA protocol number */
    __u8 kind;     /* enum fg_kind */
    __u8 flags;    /* enum fg_key_flags */
    __u8 slot;     /* interface slot, see fg_interface */
};
FG_STATIC_ASSERT(sizeof(struct fg_flow_key) == 44);

/* TCP segments by the flags that matter to a connection's life. */
struct fg_tcp_counts {
    __u32 syn;     /* SYN without ACK */
    __u32 syn_ack; /* SYN with ACK */
    __u32 fin;
    __u32 rst;
};

struct fg_flow_record {
    /* First cache line: everything that each packet compares or adds to. */
    struct fg_flow_key key;
    __u32 index_position; /* where the index points here, so that clearing does not search */
    __u64 packets;
    __u64 bytes; /* L2 wire bytes */

    /* Second cache line. */
    __u64 first; /* jiffies */
    __u64 last;  /* jiffies */
    __u64 dropped_packets;
    __u64 dropped_bytes;
    struct fg_tcp_counts tcp;
    __u32 min_length;
    __u32 max_length;
    __u8 tcp_flags; /* OR of all segments */
    __u8 ttl;       /* of the latest packet */
    __u8 pad[6];
};
FG_STATIC_ASSERT(sizeof(struct fg_flow_record) == 128);
FG_STATIC_ASSERT(__builtin_offsetof(struct fg_flow_record, packets) == 48);
FG_STATIC_ASSERT(__builtin_offsetof(struct fg_flow_record, first) == 64);
FG_STATIC_ASSERT(__builtin_offsetof(struct fg_flow_record, tcp_flags) == 120);

/*
 * The index: lines of 16 entries (one cache line). An entry is 0 when empty, else
 * tag << FG_INDEX_RECORD_BITS | (record number + 1). A key may stand in its home line or in the next one.
 */
#define FG_INDEX_LINE_ENTRIES 16
#define FG_INDEX_LINE_MASK (FG_INDEX_LINE_ENTRIES - 1)
#define FG_INDEX_LINES_PROBED 2
#define FG_INDEX_RECORD_BITS 22
#define FG_INDEX_RECORD_MASK ((1u << FG_INDEX_RECORD_BITS) - 1)
#define FG_MIN_CAPACITY 64u
#define FG_MAX_CAPACITY (1u << 21) /* records of one CPU, direction and epoch */

struct fg_index_line {
    __u32 entry[FG_INDEX_LINE_ENTRIES];
};
FG_STATIC_ASSERT(sizeof(struct fg_index_line) == 64);

FG_INLINE __u32 fg_index_tag(__u64 hash) { return (__u32)(hash >> 32) & ~FG_INDEX_RECORD_MASK; }

/* Index entries are twice the records, so the index is at most half full. */
FG_INLINE __u32 fg_index_lines(__u32 capacity) { return capacity * 2 / FG_INDEX_LINE_ENTRIES; }

#endif
