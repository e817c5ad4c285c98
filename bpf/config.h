/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Knobs that are fixed for the life of one loaded program: set by user space before load, dead code when off. */
#ifndef FLOWGUARD_BPF_CONFIG_H
#define FLOWGUARD_BPF_CONFIG_H

const volatile __u32 fg_slot = 0;      /* this interface's slot, below FG_MAX_INTERFACES */
const volatile __u32 fg_link_type = 0; /* enum fg_link */
const volatile __u32 fg_capacity = FG_MIN_CAPACITY;
const volatile bool fg_tunnels = false; /* count the flow inside a tunnel instead of the tunnel's own */

/* Random per instance; see abi/hash.h. */
const volatile __u64 fg_hash_keys[FG_HASH_WORDS] = {};

#endif
