/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: dense records behind an index of cache lines.
 *
 * Tables belong to one CPU and one direction, and programs of one direction never nest on a CPU (softirqs are off), so
 * nothing here is atomic. Within an epoch entries are only added, so the first empty one ends a search.
 */
#ifndef FLOWGUARD_BPF_FLOW_TABLE_H
#define FLOWGUARD_BPF_FLOW_TABLE_H

/* Where one packet is counted. */
struct fg_table {
    __u32 number; /* fg_table_number() */
    struct fg_table_head *head;
    struct fg_counters *counters;
};

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

/* False positives only cost records that are kept; see abi/admission.h for how rare they are. */
static __always_inline bool fg_is_known(__u64 hash)
{
    struct fg_known_bits place = fg_known_place(hash);
    __u32 at = place.line & (fg_known_lines(fg_capacity) - 1);
    const struct fg_known_line *line = bpf_map_lookup_elem(&fg_known, &at);
    return line && line->word[place.bit[0] >> 6] >> (place.bit[0] & 63) & 1 &&
           line->word[place.bit[1] >> 6] >> (place.bit[1] & 63) & 1;
}

/* What is left in a table that is nearly full is for known flows. */
static __always_inline bool fg_is_admitted(__u32 used, __u64 hash, enum fg_overflow_reason *reason)
{
    *reason = used < fg_capacity ? FG_OVERFLOW_NOT_ADMITTED : FG_OVERFLOW_RECORDS_FULL;
    if (used < fg_capacity - (fg_capacity >> FG_RESERVED_SHIFT))
        return true;
    return used < fg_capacity && fg_is_known(hash);
}

/*
 * Takes the next record for a key that is not in the table, and points the empty index entry to it. A record holds
 * what an earlier epoch left in it: all of it is written here.
 */
static __always_inline struct fg_flow_record *fg_new_record(const struct fg_table *table, const struct fg_flow_key *key,
                                                            __u32 *entry, __u64 hash, __u32 index_position,
                                                            enum fg_overflow_reason *reason)
{
    __u32 used = table->head->used;
    if (!fg_is_admitted(used, hash, reason))
        return NULL;
    struct fg_flow_record *record = fg_record(table, used + 1);
    if (!record)
        return NULL;
    __builtin_memset(record, 0, sizeof(*record));
    record->key = *key;
    record->index_position = index_position;
    record->first = bpf_jiffies64();
    record->min_length = ~0u;
    *entry = fg_index_tag(hash) | (used + 1);
    table->head->used = used + 1;
    return record;
}

static __always_inline struct fg_flow_record *fg_find_or_add(const struct fg_table *table,
                                                             const struct fg_flow_key *key,
                                                             enum fg_overflow_reason *reason)
{
    __u32 lines = fg_index_lines(fg_capacity);
    __u64 hash = fg_flow_hash(key, fg_hash_keys);
    __u32 tag = fg_index_tag(hash);

    for (__u32 probe = 0; probe < FG_INDEX_LINES_PROBED; probe++) {
        __u32 at = table->number * lines + (((hash >> 32) + probe) & (lines - 1));
        struct fg_index_line *line = bpf_map_lookup_elem(&fg_index, &at);
        if (!line)
            break;
        for (__u32 i = 0; i < FG_INDEX_LINE_ENTRIES; i++) {
            __u32 entry = line->entry[i];
            if (!entry)
                return fg_new_record(table, key, &line->entry[i], hash, at * FG_INDEX_LINE_ENTRIES + i, reason);
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
