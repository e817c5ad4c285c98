/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Accounting: totals first, then the flow table, and overflow for what finds no record.
 *
 * Tables belong to one CPU and one direction, and programs of one direction never nest on a CPU (softirqs are off), so
 * nothing here is atomic. Within an epoch entries are only added, so the first empty one ends a search.
 */
#ifndef FLOWGUARD_BPF_ACCOUNT_H
#define FLOWGUARD_BPF_ACCOUNT_H

/* Where one packet is counted. */
struct fg_table {
    __u32 number; /* fg_table_number() */
    struct fg_table_head *head;
    struct fg_counters *counters;
};

/* Multilinear-HM (Lemire and Kaser, "Strongly universal string hashing is fast", 2014), upper half. */
static __always_inline __u32 fg_hash(const struct fg_flow_key *key)
{
    const __u32 *word = (const __u32 *)key;
    __u64 sum = 0;
#pragma unroll
    for (int i = 0; i < FG_HASH_WORDS - 2; i += 2)
        sum += (fg_hash_keys[i] + word[i]) * (fg_hash_keys[i + 1] + word[i + 1]);
    sum += (fg_hash_keys[FG_HASH_WORDS - 2] + word[FG_HASH_WORDS - 2]) * fg_hash_keys[FG_HASH_WORDS - 1];
    return sum >> 32;
}

static __always_inline bool fg_same_key(const struct fg_flow_key *a, const struct fg_flow_key *b)
{
    const __u64 *left = (const __u64 *)a;
    const __u64 *right = (const __u64 *)b;
    return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3] &&
           left[4] == right[4] && ((const __u32 *)a)[10] == ((const __u32 *)b)[10];
}

static __always_inline struct fg_flow_record *fg_record(const struct fg_table *table, __u32 entry)
{
    __u32 at = table->number * fg_capacity + (entry & FG_INDEX_RECORD_MASK) - 1;
    return bpf_map_lookup_elem(&fg_records, &at);
}

/* Takes the next record for a key that is not in the table, and points the empty index entry to it. */
static __always_inline struct fg_flow_record *fg_new_record(const struct fg_table *table, const struct fg_flow_key *key,
                                                            __u32 *entry, __u32 tag, __u32 index_position,
                                                            enum fg_overflow_reason *reason)
{
    __u32 used = table->head->used;
    *reason = FG_OVERFLOW_RECORDS_FULL;
    if (used >= fg_capacity)
        return NULL;
    struct fg_flow_record *record = fg_record(table, used + 1);
    if (!record)
        return NULL;
    __builtin_memcpy(&record->key, key, sizeof(*key));
    record->index_position = index_position;
    record->first = bpf_jiffies64();
    record->min_length = ~0u;
    *entry = tag | (used + 1);
    table->head->used = used + 1;
    return record;
}

static __always_inline struct fg_flow_record *fg_find_or_add(const struct fg_table *table,
                                                             const struct fg_flow_key *key,
                                                             enum fg_overflow_reason *reason)
{
    __u32 lines = fg_index_lines(fg_capacity);
    __u32 hash = fg_hash(key);
    __u32 tag = hash & ~FG_INDEX_RECORD_MASK;

    for (__u32 probe = 0; probe < FG_INDEX_LINES_PROBED; probe++) {
        __u32 at = table->number * lines + ((hash + probe) & (lines - 1));
        struct fg_index_line *line = bpf_map_lookup_elem(&fg_index, &at);
        if (!line)
            break;
        for (__u32 i = 0; i < FG_INDEX_LINE_ENTRIES; i++) {
            __u32 entry = line->entry[i];
            if (!entry)
                return fg_new_record(table, key, &line->entry[i], tag, at * FG_INDEX_LINE_ENTRIES + i, reason);
            if ((entry & ~FG_INDEX_RECORD_MASK) != tag)
                continue;
            struct fg_flow_record *record = fg_record(table, entry);
            if (record && fg_same_key(&record->key, key))
                return record;
        }
    }
    *reason = FG_OVERFLOW_INDEX_FULL;
    return NULL;
}

static __always_inline void fg_count_tcp(struct fg_flow_record *record, __u8 flags, __u32 segments)
{
    record->tcp_flags |= flags;
    if (!(flags & (FG_TCP_SYN | FG_TCP_FIN | FG_TCP_RST)))
        return;
    if (flags & FG_TCP_SYN) {
        if (flags & FG_TCP_ACK)
            record->tcp.syn_ack += segments;
        else
            record->tcp.syn += segments;
    }
    /* GSO repeats FIN on its last segment only. */
    if (flags & FG_TCP_FIN)
        record->tcp.fin++;
    if (flags & FG_TCP_RST)
        record->tcp.rst += segments;
}

static __always_inline void fg_add(struct fg_volume *volume, const struct fg_weight *weight)
{
    volume->packets += weight->packets;
    volume->bytes += weight->bytes;
}

static __always_inline void fg_count_flow(const struct fg_table *table, const struct fg_packet *packet,
                                          const struct fg_weight *weight, bool dropped)
{
    enum fg_overflow_reason reason;
    struct fg_flow_record *record = fg_find_or_add(table, &packet->key, &reason);
    if (!record) {
        fg_add(&table->counters->overflow[reason], weight);
        return;
    }
    __u32 length = weight->packets > 1 ? weight->bytes / weight->packets : weight->bytes;
    record->packets += weight->packets;
    record->bytes += weight->bytes;
    record->last = bpf_jiffies64();
    record->ttl = packet->ttl;
    if (length < record->min_length)
        record->min_length = length;
    if (length > record->max_length)
        record->max_length = length;
    if (packet->key.proto == FG_PROTO_TCP)
        fg_count_tcp(record, packet->tcp_flags, weight->packets);
    if (dropped) {
        record->dropped_packets += weight->packets;
        record->dropped_bytes += weight->bytes;
    }
}

/* Finds this CPU's table of the current epoch. False only if the maps are not there as they were made. */
static __always_inline bool fg_open_table(const struct fg_control *control, enum fg_direction direction,
                                          struct fg_table *table)
{
    __u32 cpu = bpf_get_smp_processor_id();
    __u32 epoch = *(volatile const __u32 *)&control->epoch;
    __u32 counters = fg_counters_index(cpu, epoch, fg_slot, direction);

    table->number = fg_table_number(cpu, epoch, direction);
    table->head = bpf_map_lookup_elem(&fg_heads, &table->number);
    table->counters = bpf_map_lookup_elem(&fg_counters, &counters);
    return table->head && table->counters;
}

#endif
