/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What finds no record: exact aggregates by what is aimed at, and how many remote addresses there are. */
#ifndef FLOWGUARD_BPF_OVERFLOW_H
#define FLOWGUARD_BPF_OVERFLOW_H

static __always_inline bool fg_same_overflow_key(const struct fg_overflow_key *a, const struct fg_overflow_key *b)
{
    const __u64 *left = (const __u64 *)a;
    const __u64 *right = (const __u64 *)b;
    return left[0] == right[0] && left[1] == right[1] && left[2] == right[2];
}

/* Among the `size` entries from `first` on, a power of two. */
static __always_inline struct fg_overflow_entry *fg_probe_overflow(__u32 number, const struct fg_overflow_key *key,
                                                                   __u32 first, __u32 size)
{
    const __u64 *words = (const __u64 *)key;
    __u32 start = fg_mix(words[0] ^ words[1] * 31 ^ words[2]);
    for (__u32 i = 0; i < FG_OVERFLOW_PROBES; i++) {
        __u32 at = number * FG_OVERFLOW_ENTRIES + first + ((start + i) & (size - 1));
        struct fg_overflow_entry *entry = bpf_map_lookup_elem(&fg_overflow, &at);
        if (!entry)
            break;
        if (!entry->packets) {
            entry->key = *key;
            return entry;
        }
        if (fg_same_overflow_key(&entry->key, key))
            return entry;
    }
    return NULL;
}

static __always_inline struct fg_overflow_entry *fg_find_overflow(__u32 number, struct fg_overflow_key *key)
{
    struct fg_overflow_entry *entry = fg_probe_overflow(number, key, 0, FG_OVERFLOW_SERVICES);
    if (entry)
        return entry;
    fg_overflow_to_host(key);
    entry = fg_probe_overflow(number, key, FG_OVERFLOW_SERVICES, FG_OVERFLOW_HOSTS);
    if (entry)
        return entry;
    __builtin_memset(key, 0, sizeof(*key));
    key->level = FG_OVERFLOW_REST;
    return fg_probe_overflow(number, key, FG_OVERFLOW_SERVICES + FG_OVERFLOW_HOSTS, 1);
}

static __always_inline void fg_note_address(struct fg_overflow_entry *entry, const __u8 *address)
{
    __u64 hash = fg_address_hash(address, fg_hash_keys);
    __u8 *reg = &entry->registers[fg_sketch_register(hash)];
    __u8 rank = fg_sketch_rank(hash);
    if (*reg < rank)
        *reg = rank;
}

/* Not inlined: the common path keeps its registers. */
static __noinline void fg_count_overflow(__u32 number, const struct fg_packet *packet, const struct fg_weight *weight,
                                         __u32 direction, bool dropped)
{
    const struct fg_flow_key *flow = &packet->key;
    struct fg_overflow_key key = fg_overflow_service(flow, direction);
    struct fg_overflow_entry *entry = fg_find_overflow(number, &key);
    if (!entry)
        return;
    entry->packets += weight->packets;
    entry->bytes += weight->bytes;
    if (dropped) {
        entry->dropped_packets += weight->packets;
        entry->dropped_bytes += weight->bytes;
    }
    if (flow->proto == FG_PROTO_TCP && (packet->tcp_flags & (FG_TCP_SYN | FG_TCP_ACK)) == FG_TCP_SYN)
        entry->syn += weight->packets;
    fg_note_address(entry, direction == FG_RX ? flow->src : flow->dst);
}

#endif
