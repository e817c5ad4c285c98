/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules: what a packet must look like to be allowed, blocked or limited. The first that matches decides.
 *
 * Found by bit vectors (Lakshman and Stiliadis, "High-speed policy-based packet forwarding using efficient
 * multi-dimensional range matching", SIGCOMM 1998): the value of each field has a row with one bit for each rule, in their
 * order, and the rules that match are the AND of the rows. A summary of the words that are not 0 comes first in a row
 * (Baboescu and Varghese, "Scalable packet classification", SIGCOMM 2001), so that one cache line a field tells that no
 * rule matches.
 *
 * User space makes the rows in the half that is not in use, waits until no program can read them, and turns
 * fg_control.rules to it.
 */
#ifndef FLOWGUARD_ABI_RULES_H
#define FLOWGUARD_ABI_RULES_H

#include "counters.h"
#include "policy.h"

#define FG_MAX_RULES 1024u
#define FG_RULE_WORDS (FG_MAX_RULES / 64)
#define FG_RULE_HALVES 2u
/* Of a half. N rules make at most 2N + 1 rows for each of ports and length, N + 3 of addresses, 640 of the others. */
#define FG_RULE_ROWS 8192u
#define FG_RULE_ADDRESSES (FG_MAX_RULES + 1)
#define FG_ALL_RULES 0u /* the row with all bits, of fields that no rule looks at */

#define FG_BLOCKLIST_PRIORITY 200u /* the blocklist stands before rules of this priority */

enum fg_rule_action {
    FG_RULE_NONE = 0, /* the slot is free, or its rule is being removed */
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
    FG_UNIT_CONNECTIONS = 2, /* packets, of which the rule matches TCP's SYN without ACK alone */
};

enum fg_rule_condition {
    FG_MATCH_PROTO = 1,
    FG_MATCH_SPORT = 2, /* packets without ports, as later fragments are, do not match */
    FG_MATCH_DPORT = 4,
};

enum fg_rule_family {
    FG_FAMILY_ANY = 0,
    FG_FAMILY_V4 = 4,
    FG_FAMILY_V6 = 6,
};

struct fg_range {
    __u16 first;
    __u16 last; /* included */
};

/* What a rule says of a packet. */
struct fg_match {
    struct fg_prefix remote; /* bits 0: any of the family */
    __u32 directions;        /* enum fg_block_direction, ORed */
    __u32 conditions;        /* enum fg_rule_condition, ORed */
    struct fg_range sport;
    struct fg_range dport;
    struct fg_range length; /* L2 bytes, the longest counts as 65535; of merged packets, the mean of their frames */
    __u8 proto;
    __u8 tcp_mask; /* flags that are looked at; 0: none, and then of any protocol */
    __u8 tcp_flags;
    __u8 family;        /* enum fg_rule_family */
    char interface[16]; /* empty: any */
};
FG_STATIC_ASSERT(sizeof(struct fg_match) == 60);

/* By slot, where it stays while the rules around it change, so that what it counted is kept. */
struct fg_rule {
    __u64 expires_boot_ns; /* as of fg_block */
    __u64 packets;         /* that came to this rule and matched; added to atomically, as the next five */
    __u64 bytes;
    __u64 dropped_packets; /* of these */
    __u64 dropped_bytes;
    __u64 shared;   /* of these, judged by the common bucket because all others were in use */
    __u64 bucket;   /* when the common bucket will be full again, CLOCK_MONOTONIC */
    __u64 last_hit; /* CLOCK_MONOTONIC ns, to a jiffy; 0: never */
    __u64 created_realtime_ns;
    __u64 rate; /* of a limit: units per period */
    __u64 period_ns;
    __u64 burst_ns; /* of a limit: the time in which `burst` units come */
    __u32 burst;    /* units */
    __u32 id;       /* stable and unique, together with blocks; 0: the slot is free */
    __u32 priority; /* lower comes first, and among equals the lower id */
    __u32 uid;
    __u8 action;     /* enum fg_rule_action */
    __u8 unit;       /* enum fg_rule_unit */
    __u8 per_source; /* of a limit: a bucket for each remote address, else one for all */
    __u8 pad;
    struct fg_match match;
    char reason[FG_REASON_LENGTH];
};
FG_STATIC_ASSERT(sizeof(struct fg_rule) == 240);

struct fg_rule_row {
    __u64 summary; /* bit w: word[w] is not 0 */
    __u64 word[FG_RULE_WORDS];
    __u64 pad[7]; /* whole cache lines */
};
FG_STATIC_ASSERT(sizeof(struct fg_rule_row) == 192);

/* Which row a value has, and which rule a bit is. */
struct fg_rule_half {
    __u32 count;  /* bits in use */
    __u32 early;  /* of these, before the blocklist */
    __u32 fields; /* bit f: some rule looks at field f */
    __u16 any_v4; /* of addresses that no rule names */
    __u16 any_v6;
    __u16 no_sport; /* of packets without ports */
    __u16 no_dport;
    __u16 no_tcp_flags;
    __u16 cut_tcp_flags; /* of TCP whose header is not whole, as only attackers send it (RFC 1858) */
    __u16 pad[4];
    __u16 order[FG_MAX_RULES]; /* slot of the rule, by bit */
    __u16 path[FG_MAX_INTERFACES * FG_DIRECTIONS];
    __u16 proto[256];
    __u16 tcp_flags[256];
    __u16 sport[65536];
    __u16 dport[65536];
    __u16 length[65536];
};

/*
 * Buckets of sources, in sets of one cache line. A bucket that is full again says nothing that a new one would not, so
 * it is given to whoever needs one: nothing has to be cleaned up.
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
