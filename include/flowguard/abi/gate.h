/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate in front of the blocklist: one bit says that an address cannot be on it, which is true of nearly all traffic.
 *
 * IPv4 has a bit for each /24. IPv6 has bits by hash: of the first 48 bits for hosts and prefixes of at least that
 * length, of the first 24 for shorter ones. User space sets bits before it adds an entry and clears them after it has
 * removed the last one, word by word, so that a program never misses an entry that stands.
 */
#ifndef FLOWGUARD_ABI_GATE_H
#define FLOWGUARD_ABI_GATE_H

#include "hash.h"

#define FG_GATE_LINE_BITS 512u
#define FG_GATE_V4_LINES (1u << 15) /* 2^24 networks */
#define FG_GATE_V6_LINES (1u << 13)
#define FG_GATE_LINES (FG_GATE_V4_LINES + FG_GATE_V6_LINES)
#define FG_GATE_V6_LONG 48u
#define FG_GATE_V6_SHORT 24u

struct fg_gate_line {
    __u64 word[8];
};
FG_STATIC_ASSERT(sizeof(struct fg_gate_line) * 8 == FG_GATE_LINE_BITS);

/* A bit of the whole gate: line * FG_GATE_LINE_BITS + bit of the line. */
FG_INLINE __u32 fg_gate_v4(const __u8 *address)
{
    return (__u32)address[12] << 16 | (__u32)address[13] << 8 | address[14];
}

/* `bits`: FG_GATE_V6_LONG or FG_GATE_V6_SHORT. */
FG_INLINE __u32 fg_gate_v6(const __u8 *address, __u32 bits, const volatile __u64 *keys)
{
    __u64 prefix = (__u64)address[0] << 16 | (__u64)address[1] << 8 | address[2];
    if (bits == FG_GATE_V6_LONG)
        prefix = prefix << 24 | (__u64)address[3] << 16 | (__u64)address[4] << 8 | address[5];
    __u32 hash = (__u32)fg_mix((prefix << 8 | bits) ^ keys[0]);
    return FG_GATE_V4_LINES * FG_GATE_LINE_BITS + (hash & (FG_GATE_V6_LINES * FG_GATE_LINE_BITS - 1));
}

#endif
