/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashes that kernel and user space compute alike. Their keys are made at random per instance, so that nobody outside
 * can choose flows that meet in one index line, or addresses that a sketch does not tell apart.
 */
#ifndef FLOWGUARD_ABI_HASH_H
#define FLOWGUARD_ABI_HASH_H

#include "flow.h"

#define FG_HASH_WORDS 12 /* 32-bit words of a flow key, rounded up to even */
FG_STATIC_ASSERT(sizeof(struct fg_flow_key) / 4 == FG_HASH_WORDS - 1);

/* Every bit of the result depends on every bit of x: the finalizer of MurmurHash3 (Appleby, 2011). */
FG_INLINE __u64 fg_mix(__u64 x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

/*
 * Multilinear-HM (Lemire and Kaser, "Strongly universal string hashing is fast", 2014), mixed: by itself it is linear in
 * each word, and with some keys consecutive addresses would crowd in a few index lines.
 */
FG_INLINE __u64 fg_flow_hash(const struct fg_flow_key *key, const volatile __u64 *keys)
{
    const __u32 *word = (const __u32 *)key;
    __u64 sum = 0;
    FG_UNROLL
    for (int i = 0; i < FG_HASH_WORDS - 2; i += 2)
        sum += (keys[i] + word[i]) * (keys[i + 1] + word[i + 1]);
    sum += (keys[FG_HASH_WORDS - 2] + word[FG_HASH_WORDS - 2]) * keys[FG_HASH_WORDS - 1];
    return fg_mix(sum);
}

FG_INLINE __u64 fg_address_hash(const __u8 *address, const volatile __u64 *keys)
{
    const __u32 *word = (const __u32 *)(const void *)address;
    return fg_mix((keys[0] + word[0]) * (keys[1] + word[1]) + (keys[2] + word[2]) * (keys[3] + word[3]));
}

#endif
