/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the driver's kernel and user sides share. */
#ifndef FLOWGUARD_BENCH_DRIVE_H
#define FLOWGUARD_BENCH_DRIVE_H

#include "flowguard/abi/types.h"

#define FG_DRIVE_FRAME 64u /* bytes of every frame */
#define FG_DRIVE_FIRST_PORT 1024u

enum fg_drive_order {
    FG_DRIVE_TURNS = 0,  /* flows take turns */
    FG_DRIVE_RANDOM = 1, /* each packet picks one of the flows */
    FG_DRIVE_NEW = 2,    /* each packet is of a flow that was never seen before */
};

/* Set by user space before a run; positions are the driver's own. */
struct fg_drive {
    __u64 flows;
    __u64 position; /* the next flow, when flows take turns */
    __u64 fresh;    /* the next flow, when each packet is of a new one */
    __u64 random;   /* never 0 */
    __u32 order;    /* enum fg_drive_order */
    __u32 ipv6;
    __u32 source;      /* first source address, host order; IPv6: its last four bytes */
    __u32 host_bits;   /* flow numbers vary that many bits of the source, then the port */
    __u32 destination; /* network order, IPv4 only */
    __u16 destination_port;
    __u16 pad;
};
FG_STATIC_ASSERT(sizeof(struct fg_drive) == 56);

#endif
