/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the generator's kernel and user sides share. */
#ifndef FLOWGUARD_BENCH_GENERATE_H
#define FLOWGUARD_BENCH_GENERATE_H

#include "flowguard/abi/types.h"

#define FG_MAX_SENDERS 1024u /* a power of two; one sender a CPU */
#define FG_FRAME_WORDS 10    /* 8-byte words that hold the longest headers: Ethernet, IPv6, TCP */
#define FG_FIRST_PORT 1024u
#define FG_PORTS (65536u - FG_FIRST_PORT)

/* State and counts of one CPU; nobody else writes while it sends. */
struct fg_sender {
    __u64 position;  /* the next flow, when flows take turns */
    __u64 random;    /* never 0 */
    __u64 handed;    /* frames given to the device */
    __u64 delivered; /* of these, frames in the peer's receive ring */
    __u64 in_flight; /* frames of the running batch that the device has not answered for; after it, 0 or it failed */
    __u64 pad[3];
};
FG_STATIC_ASSERT(sizeof(struct fg_sender) == 64);

enum fg_order {
    FG_ORDER_TURNS = 0,  /* flows take turns: of N packets each flow gets N / flows, give or take one */
    FG_ORDER_RANDOM = 1, /* each frame picks one of the flows */
    FG_ORDER_SPOOF = 2,  /* each frame picks any source address and port */
};

/* The frame to send, and how a flow number becomes a source address and port in it. Offsets are in bytes. */
struct fg_frame {
    __u64 words[FG_FRAME_WORDS]; /* headers as on the wire; source host, source port and checksums are 0 */
    __u32 used_words;
    __u32 source_offset; /* of the source address's last four bytes */
    __u32 port_offset;
    __u32 checksum_offset;    /* of UDP's or TCP's */
    __u32 ip_checksum_offset; /* 0 for IPv6, which has none */
    __u32 sum;                /* over pseudo-header, UDP or TCP header and payload, unfolded */
    __u32 ip_sum;
    __u32 source;    /* last four bytes of the source prefix, host order */
    __u32 host_bits; /* of the source that flows may vary, 0 to 32 */
    __u32 pad;
};
FG_STATIC_ASSERT(sizeof(struct fg_frame) == 120);

#endif
