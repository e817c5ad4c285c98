/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Per-CPU, per-epoch counters of one interface and direction, and the control block that turns epochs. */
#ifndef FLOWGUARD_ABI_COUNTERS_H
#define FLOWGUARD_ABI_COUNTERS_H

#include "flow.h"

#define FG_ABI_VERSION 5u
#define FG_MAX_INTERFACES 64u
#define FG_EPOCHS 2u

/* Why a packet was counted in overflow and not in a flow record. */
enum fg_overflow_reason {
    FG_OVERFLOW_RECORDS_FULL = 0, /* no record left in this epoch */
    FG_OVERFLOW_INDEX_FULL = 1,   /* both index lines of the key are taken */
    FG_OVERFLOW_NOT_ADMITTED = 2, /* the records that are left are kept for known flows */
    FG_OVERFLOW_REASONS = 3,
};

struct fg_volume {
    __u64 packets;
    __u64 bytes;
};

struct fg_counters {
    struct fg_volume total;   /* counted before anything else is looked at */
    struct fg_volume dropped; /* of these, dropped by policy */
    struct fg_volume overflow[FG_OVERFLOW_REASONS];
    __u64 not_sampled;  /* DNS packets beyond the budget, see samples.h */
    __u64 samples_lost; /* DNS packets that the ring buffer had no room for */
    __u64 pad[4];
};
FG_STATIC_ASSERT(sizeof(struct fg_counters) == 128);

FG_INLINE __u32 fg_counters_index(__u32 cpu, __u32 epoch, __u32 slot, __u32 direction)
{
    return ((cpu * FG_EPOCHS + (epoch & 1)) * FG_MAX_INTERFACES + slot) * FG_DIRECTIONS + direction;
}

/* A table is the records and the index of one CPU, epoch and direction. */
FG_INLINE __u32 fg_table_number(__u32 cpu, __u32 epoch, __u32 direction)
{
    return (cpu * FG_EPOCHS + (epoch & 1)) * FG_DIRECTIONS + direction;
}

/* Head of a table, on a line of its own. */
struct fg_table_head {
    __u32 used;      /* records in use: 0 .. used-1 */
    __u32 overflown; /* not 0: overflow aggregates are in use */
    __u32 sampled;   /* of the budget of samples, see samples.h */
    __u32 pad[13];
};
FG_STATIC_ASSERT(sizeof(struct fg_table_head) == 64);

/* Mapped by user space; programs read the first line once per packet. */
struct fg_control {
    __u32 epoch;     /* programs count into half (epoch & 1) */
    __u32 hosts;     /* entries of the blocklist, never fewer than there are */
    __u32 committed; /* latest epoch whose counts are in the ledger; written by the drain alone */
    __u32 abi_version;
    __u32 capacity;          /* records per table */
    __u32 cpus;              /* possible CPUs when the maps were made */
    __u64 hash_seed;         /* programs of one instance hash alike */
    __u64 since_realtime_ns; /* when these maps were made */
    __u32 last_block_id;     /* ids are given once in an instance's life */
    __u32 prefixes;          /* like hosts */
    __u32 short_prefixes;    /* of these, IPv6 and shorter than FG_GATE_V6_LONG */
    __u32 gate_stale;        /* entries removed since the gate was made anew */
    __u32 max_blocks;        /* entries that each list takes */
    __u32 rules;             /* 0: there are none; else 1 + the half that holds them, see rules.h */
    __u32 sample_budget;     /* DNS packets that each CPU, direction and epoch copies; 0: none. See samples.h */
    __u32 short_rules;       /* not 0: rules name such prefixes, too */
    __u32 pad[14];
};
FG_STATIC_ASSERT(sizeof(struct fg_control) == 128);

/* Cumulative sums since attach, kept in a map so that they outlive the daemon. */
struct fg_ledger_entry {
    struct fg_volume total;
    struct fg_volume dropped;
    struct fg_volume flows;
    struct fg_volume non_ip;
    struct fg_volume overflow[FG_OVERFLOW_REASONS];
    __u64 not_sampled;
    __u64 samples_lost;
};
FG_STATIC_ASSERT(sizeof(struct fg_ledger_entry) == 128);

/* Two copies: copy (committed & 1) is valid, the other one is being written. */
FG_INLINE __u32 fg_ledger_index(__u32 copy, __u32 slot, __u32 direction)
{
    return ((copy & 1) * FG_MAX_INTERFACES + slot) * FG_DIRECTIONS + direction;
}

/* What is attached where; a map, so that detach can clean up after a daemon that died. */
enum fg_hook {
    FG_HOOK_OFF = 0,
    FG_HOOK_XDP_NATIVE = 1,
    FG_HOOK_XDP_GENERIC = 2,
    FG_HOOK_TCX = 3,
    FG_HOOK_CLSACT = 4,
};

/* A VLAN tag that is not in the frame counts as bytes only where the device counts it. */
enum fg_vlan_offload {
    FG_DEVICE_STRIPS_TAGS = 1,  /* on receive, before counting */
    FG_DEVICE_INSERTS_TAGS = 2, /* on transmit, after counting */
};

enum fg_interface_flags {
    FG_INTERFACE_TUNNELS = 1, /* flows inside tunnels are counted instead of the tunnels' own */
};

struct fg_interface {
    __u32 ifindex; /* 0: slot is free */
    __u8 ingress_hook;
    __u8 egress_hook;
    __u8 owns_clsact; /* flowguard made the qdisc, so flowguard removes it */
    __u8 xdp_mode;    /* as asked for: enum fg_hook, FG_HOOK_OFF, or 255 for auto */
    char name[16];
    __u32 ingress_program_id;
    __u32 egress_program_id;
    __u32 vlan_offloads; /* enum fg_vlan_offload, ORed */
    __u32 flags;         /* enum fg_interface_flags, ORed */
};
FG_STATIC_ASSERT(sizeof(struct fg_interface) == 40);

#endif
