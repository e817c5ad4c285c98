/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the plain flow counter's kernel and user sides share. */
#ifndef FLOWGUARD_BENCH_PEERS_H
#define FLOWGUARD_BENCH_PEERS_H

#include "flowguard/abi/types.h"

struct fg_peer_key {
    __u8 src[16]; /* IPv4 is v4-mapped */
    __u8 dst[16];
    __u16 sport; /* network order */
    __u16 dport;
    __u8 proto;
    __u8 pad[3];
};
FG_STATIC_ASSERT(sizeof(struct fg_peer_key) == 40);

struct fg_peer_counts {
    __u64 packets;
    __u64 bytes;
};

#endif
