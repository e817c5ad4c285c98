/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps of an instance. User space sets the sizes before load, pins each by its name and maps all but the
 * blocklist into its memory.
 */
#ifndef FLOWGUARD_BPF_MAPS_H
#define FLOWGUARD_BPF_MAPS_H

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct fg_control);
} fg_control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* cpus * FG_EPOCHS * FG_MAX_INTERFACES * FG_DIRECTIONS */
    __type(key, __u32);
    __type(value, struct fg_counters);
} fg_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* tables: cpus * FG_EPOCHS * FG_DIRECTIONS */
    __type(key, __u32);
    __type(value, struct fg_table_head);
} fg_heads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* tables * fg_index_lines(capacity) */
    __type(key, __u32);
    __type(value, struct fg_index_line);
} fg_index SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* tables * capacity */
    __type(key, __u32);
    __type(value, struct fg_flow_record);
} fg_records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* tables * FG_OVERFLOW_ENTRIES */
    __type(key, __u32);
    __type(value, struct fg_overflow_entry);
} fg_overflow SEC(".maps");

/* Written by user space alone. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* fg_known_lines(capacity) */
    __type(key, __u32);
    __type(value, struct fg_known_line);
} fg_known SEC(".maps");

/* Written by user space alone: what outlives the daemon. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 2 * FG_MAX_INTERFACES * FG_DIRECTIONS);
    __type(key, __u32);
    __type(value, struct fg_ledger_entry);
} fg_ledger SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, FG_MAX_INTERFACES);
    __type(key, __u32);
    __type(value, struct fg_interface);
} fg_interfaces SEC(".maps");

/* Which addresses may be on the blocklist at all; written by user space alone. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, FG_GATE_LINES);
    __type(key, __u32);
    __type(value, struct fg_gate_line);
} fg_gate SEC(".maps");

/* A hash, not an LRU: a full blocklist is an error that the user sees, never a silent eviction. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, FG_DEFAULT_BLOCKS);
    __type(key, struct fg_address);
    __type(value, struct fg_block);
} fg_blocks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, FG_DEFAULT_BLOCKS);
    __type(key, struct fg_prefix);
    __type(value, struct fg_block);
} fg_prefixes SEC(".maps");

/* Written by user space but for what they count. By slot, see abi/rules.h. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, FG_MAX_RULES);
    __type(key, __u32);
    __type(value, struct fg_rule);
} fg_rules SEC(".maps");

/* Two halves, by turns, of each of the next four. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, FG_RULE_HALVES);
    __type(key, __u32);
    __type(value, struct fg_rule_half);
} fg_rule_halves SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, FG_RULE_HALVES *FG_RULE_ROWS);
    __type(key, __u32);
    __type(value, struct fg_rule_row);
} fg_rule_rows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, FG_RULE_ADDRESSES);
    __type(key, struct fg_prefix);
    __type(value, __u32); /* row of the half */
} fg_rule_prefixes_0 SEC(".maps"), fg_rule_prefixes_1 SEC(".maps");

/* Of the sources that limits count one by one. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, FG_BUCKET_SETS);
    __type(key, __u32);
    __type(value, struct fg_bucket_set);
} fg_buckets SEC(".maps");

/* From all CPUs to the daemon, which reads it at each tick. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, FG_SAMPLE_RING);
} fg_samples SEC(".maps");

#endif
