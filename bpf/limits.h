/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Token buckets, kept as the time at which they will be full again (GCRA, ITU-T I.371): one word, changed by compare and
 * swap, so that CPUs never give one token twice and no lock is held.
 */
#ifndef FLOWGUARD_BPF_LIMITS_H
#define FLOWGUARD_BPF_LIMITS_H

#define FG_TAKE_TRIES 8
#define FG_MOST_UNITS 131072ULL /* of one packet; times a day in nanoseconds, they fit into 64 bits */

/*
 * True if the bucket has what the packet costs, which is taken then. A packet that costs more than a full bucket holds
 * passes when it is full, and leaves a debt. Losing every try means that as many others took tokens meanwhile.
 */
static __always_inline bool fg_take(__u64 *full, __u64 now, __u64 cost, __u64 burst)
{
    __u64 least = cost < burst ? cost : burst;
    for (int i = 0; i < FG_TAKE_TRIES; i++) {
        __u64 was = *(volatile __u64 *)full;
        __u64 from = was > now ? was : now;
        if (from - now + least > burst)
            return false;
        if (__sync_val_compare_and_swap(full, was, from + cost) == was)
            return true;
    }
    return false;
}

/* The bucket of this source; NULL if all that it may have are in use by others. */
static __always_inline __u64 *fg_source_bucket(const struct fg_rule *rule, const __u8 *address, __u64 now)
{
    __u64 hash = fg_mix(fg_address_hash(address, fg_hash_keys) ^ rule->id) | 1;
    __u32 at = (hash >> 32) & (FG_BUCKET_SETS - 1);
    struct fg_bucket_set *set = bpf_map_lookup_elem(&fg_buckets, &at);
    if (!set)
        return NULL;
    for (__u32 i = 0; i < FG_BUCKETS_IN_SET; i++)
        if (set->bucket[i].owner == hash)
            return &set->bucket[i].full;
    for (__u32 i = 0; i < FG_BUCKETS_IN_SET; i++) {
        __u64 owner = set->bucket[i].owner;
        if (set->bucket[i].full > now)
            continue;
        __u64 was = __sync_val_compare_and_swap(&set->bucket[i].owner, owner, hash);
        if (was == owner || was == hash) /* or another CPU took it for the same source */
            return &set->bucket[i].full;
    }
    return NULL;
}

static __always_inline bool fg_is_within(struct fg_rule *rule, const __u8 *address, const struct fg_weight *weight)
{
    __u64 now = bpf_ktime_get_ns();
    __u64 units = rule->unit == FG_UNIT_BYTES ? weight->bytes : weight->packets;
    if (units > FG_MOST_UNITS)
        units = FG_MOST_UNITS;
    __u64 rate = rule->rate;
    __u64 cost = (units * rule->period_ns + rate / 2) / rate;
    __u64 *bucket = rule->per_source ? fg_source_bucket(rule, address, now) : &rule->bucket;
    if (!bucket) {
        __sync_fetch_and_add(&rule->shared, weight->packets);
        bucket = &rule->bucket;
    }
    return fg_take(bucket, now, cost, rule->burst_ns);
}

#endif
