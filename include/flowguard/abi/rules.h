/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules: what a packet must look like to be allowed, blocked or limited; the first that matches decides.
 *
 * Found by bit vectors (Lakshman and Stiliadis, "High-speed policy-based packet forwarding using efficient
 * multi-dimensional range matching", SIGCOMM 1998): each field's value has a row with one bit for each rule, in their order,
 * and the rules that match are the AND of the rows. A summary of the words that are not 0 comes first in each row, as in
 * Baboescu and Varghese (SIGCOMM 2001), so that what no rule matches is known from one cache line a field.
 *
 * User space makes the rows, in the half that is not in use, and then turns fg_control.rules to it.
 */
#ifndef FLOWGUARD_ABI_RULES_H
#define FLOWGUARD_ABI_RULES_H

#include "policy.h"

#define FG_MAX_RULES 1024u
#define FG_RULE_WORDS (FG_MAX_RULES / 64)
#define FG_RULE_HALVES 2u
#define FG_RULE_ROWS 8192u /* of a half: more than 1024 rules can make, see rule_rows.cpp */
#define FG_RULE_ADDRESSES (4 * FG_MAX_RULES)
#define FG_ANY_ADDRESS 0u /* the row of addresses that no rule names */

enum fg_rule_action {
    FG_RULE_ALLOW = 1,
    FG_RULE_BLOCK = 2,
    FG_RULE_LIMIT = 3, /* what is within the rate goes on to the rules that follow, the rest is dropped */
};

enum fg_rule_field {
    FG_FIELD_PATH = 0,    /* interface slot and direction */
    FG_FIELD_ADDRESS = 1, /* the remote one: source of what comes in, destination of what goes out */
    FG_FIELD_PROTO = 2,
    FG_FIELD_SPORT = 3, /* or ICMP type */
    FG_FIELD_DPORT = 4, /* or ICMP code */
    FG_FIELD_TCP_FLAGS = 5,
    FG_FIELD_LENGTH = 6,
    FG_FIELDS = 7,
};

enum fg_rule_unit {
    FG_UNIT_PACKETS = 0,
    FG_UNIT_BYTES = 1,
    FG_UNIT_CONNECTIONS = 2, /* TCP SYN without ACK; a rule of this unit matches nothing else */
};

enum fg_rule_condition {
    FG_MATCH_PROTO = 1,
    FG_MATCH_SPORT = 2, /* packets without ports, later fragments for one, do not match */
    FG_MATCH_DPORT = 4,
};

struct fg_range {
    __u16 first;
    __u16 last; /* included */
};

/* What a rule says of a packet. */
struct fg_match {
    struct fg_prefix remote; /* bits 0: any address of either family; 96 with IPv4's mark: any of IPv4 */
    __u32 directions;        /* enum fg_block_direction, ORed */
    __u32 conditions;        /* enum fg_rule_condition, ORed */
    struct fg_range sport;
    struct fg_range dport;
    struct fg_range length; /* L2 bytes; of merged packets, the average of their frames */
    __u8 proto;
    __u8 tcp_mask; /* flags that are looked at */
    __u8 tcp_flags;
    __u8 pad;
    char interface[16]; /* empty: any */
};
FG_STATIC_ASSERT(sizeof(struct fg_match) == 60);

/* By slot; it stays where it is while rules around it change, so that what it counted is kept. */
struct fg_rule {
    __u64 expires_boot_ns; /* as of fg_block */
    __u64 packets;         /* that matched, until the first rule that decided; added to atomically, as all below */
    __u64 bytes;
    __u64 dropped_packets; /* of these */
    __u64 dropped_bytes;
    __u64 last_hit; /* jiffies; 0: never */
    __u64 created_realtime_ns;
    __u64 rate;     /* of a limit: units per second */
    __u64 burst_ns; /* of a limit: burst / rate */
    __u64 bucket; /* of a limit: when it will be full again, CLOCK_MONOTONIC. Of all, or of those without their own. */
    __u64 without_own; /* packets that were judged by the common bucket because all others were in use */
    __u32 id;          /* 0: the slot is free. Stable and unique, together with blocks */
    __u32 priority;    /* lower comes first, and among equals the lower id */
    __u32 uid;
    __u8 action;     /* enum fg_rule_action */
    __u8 unit;       /* enum fg_rule_unit */
    __u8 per_source; /* of a limit: a bucket for each remote address */
    __u8 pad;
    __u32 burst; /* of a limit: units */
    struct fg_match match;
    char reason[FG_REASON_LENGTH];
};
FG_STATIC_ASSERT(sizeof(struct fg_rule) == 232);

/* Bit `position` is rule order[position] of the half. */
struct fg_rule_row {
    __u64 summary; /* bit w: word[w] is not 0 */
    __u64 word[FG_RULE_WORDS];
    __u64 pad[7];
};
FG_STATIC_ASSERT(sizeof(struct fg_rule_row) == 192);

/* Which row a value has. */
struct fg_rule_half {
    __u32 count;  /* positions in use */
    __u32 early;  /* positions before the blocklist, see FG_BLOCKLIST_PRIORITY */
    __u32 fields; /* bit f: some rule looks at field f; the rows of the others are all ones */
    __u32 pad;
    __u16 order[FG_MAX_RULES]; /* slots of rules */
    __u16 path[128];           /* slot * FG_DIRECTIONS + direction */
    __u16 proto[256];
    __u16 tcp_flags[256];
    __u16 sport[65536];
    __u16 dport[65536];
    __u16 length[65536];
    __u16 no_ports[4]; /* of packets without ports: sport, dport, flags of TCP, of other protocols */
};

#define FG_BLOCKLIST_PRIORITY 200u /* the blocklist stands before rules of this priority */

/*
 * Buckets of sources, in sets of one cache line. A bucket that is full again says nothing that a new one would not, so
 * it may be given to another source: nothing has to be cleaned up.
 */
struct fg_bucket {
    __u64 owner; /* hash of rule and address; 0: nobody */
    __u64 full;  /* when it will be full again, CLOCK_MONOTONIC ns */
};

#define FG_BUCKETS_IN_SET 4u
struct fg_bucket_set {
    struct fg_bucket bucket[FG_BUCKETS_IN_SET];
};
FG_STATIC_ASSERT(sizeof(struct fg_bucket_set) == 64);
#define FG_BUCKET_SETS 65536u

#endif
