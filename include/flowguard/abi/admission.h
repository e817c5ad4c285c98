/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Admission: who gets the records that are left when a table is nearly full.
 *
 * The last part of each table is kept for known flows: those that user space has seen answered. A flood of new flows,
 * whatever its protocol, fills the rest and goes on into overflow, while connections that live keep being told apart.
 * Nothing is ever evicted.
 *
 * Known flows stand in a blocked Bloom filter (Putze, Sanders, Singler 2007): one cache line and two bits a key. User
 * space writes it, word by word; programs read it only when a table is nearly full.
 */
#ifndef FLOWGUARD_ABI_ADMISSION_H
#define FLOWGUARD_ABI_ADMISSION_H

#include "hash.h"

#define FG_RESERVED_SHIFT 2 /* a quarter of the records */

#define FG_KNOWN_LINE_BITS 512u
#define FG_KNOWN_BITS_PER_RECORD 32u

struct fg_known_line {
    __u64 word[8];
};
FG_STATIC_ASSERT(sizeof(struct fg_known_line) * 8 == FG_KNOWN_LINE_BITS);

struct fg_known_bits {
    __u32 line; /* to be reduced to the number of lines */
    __u32 bit[2];
};

FG_INLINE __u32 fg_known_lines(__u32 capacity) { return capacity * FG_KNOWN_BITS_PER_RECORD / FG_KNOWN_LINE_BITS; }

FG_INLINE struct fg_known_bits fg_known_place(__u64 hash)
{
    struct fg_known_bits place = {(__u32)hash, {(__u32)(hash >> 32) & 511, (__u32)(hash >> 41) & 511}};
    return place;
}

#endif
