/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policy entries: the blocklist, of addresses and of prefixes. */
#ifndef FLOWGUARD_ABI_POLICY_H
#define FLOWGUARD_ABI_POLICY_H

#include "types.h"

#define FG_DEFAULT_BLOCKS 131072u /* entries of each list: addresses, prefixes */
#define FG_MAX_BLOCKS (1u << 22)
#define FG_MAX_NESTED_PREFIXES 8 /* of one address, that have expired or are for the other direction */
#define FG_REASON_LENGTH 64

enum fg_block_direction {
    FG_BLOCK_IN = 1,  /* packets from the address, at ingress */
    FG_BLOCK_OUT = 2, /* packets to the address, at egress */
};

struct fg_address {
    __u8 bytes[16]; /* IPv4 is v4-mapped */
};
FG_STATIC_ASSERT(sizeof(struct fg_address) == 16);

struct fg_prefix {
    __u32 bits; /* of the mapped form */
    __u8 bytes[16];
};
FG_STATIC_ASSERT(sizeof(struct fg_prefix) == 20);

struct fg_block {
    __u64 expires_boot_ns; /* CLOCK_BOOTTIME; 0: never. From then on the kernel ignores the entry. */
    __u64 packets;         /* dropped; added to atomically */
    __u64 bytes;
    __u64 created_realtime_ns;
    __u32 id;                      /* stable, unique in this instance */
    __u32 directions;              /* enum fg_block_direction, ORed */
    __u32 uid;                     /* who asked */
    __u32 prefix_bits;             /* of the key, 128 for an address */
    char reason[FG_REASON_LENGTH]; /* UTF-8, NUL-terminated */
};
FG_STATIC_ASSERT(sizeof(struct fg_block) == 112);

#endif
