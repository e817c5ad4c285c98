/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples: datagrams that are copied to user space, because their contents say more than their flow does. DNS alone.
 *
 * A ring buffer of fixed size carries them. Each CPU copies at most fg_control.sample_budget a direction and epoch, so the drain,
 * which ends the epoch, grants the next ones: without a daemon nothing more is copied. What is not copied is counted.
 */
#ifndef FLOWGUARD_ABI_SAMPLES_H
#define FLOWGUARD_ABI_SAMPLES_H

#include "flow.h"

#define FG_DNS_PORT 53
#define FG_UDP_HEADER 8u
#define FG_SAMPLE_PAYLOAD 512u /* RFC 1035: the most that a datagram without EDNS carries */
#define FG_SAMPLE_BUDGET 512u  /* of one CPU, direction and epoch; at most FG_MAX_SAMPLE_BUDGET */
#define FG_MAX_SAMPLE_BUDGET 4096
#define FG_SAMPLE_RING (1u << 20)

struct fg_sample {
    struct fg_flow_key key;
    __u32 captured; /* bytes of `datagram` that are there, at least the header */
    __u64 time;     /* jiffies */
    __u8 datagram[FG_UDP_HEADER + FG_SAMPLE_PAYLOAD];
};
FG_STATIC_ASSERT(sizeof(struct fg_sample) == 576);

#endif
