/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Overflow: packets whose flow found no record are added up by what they are aimed at, with a sketch of how many remote
 * addresses they came from or went to. Exact in packets and bytes; each packet is in one aggregate.
 *
 * The sketch is HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007), one byte a register: a standard error of
 * 1.04 / sqrt(8192) = 1.15 %, so that 5 % is more than four of them. Sketches of several CPUs and epochs join by the maximum of each register.
 */
#ifndef FLOWGUARD_ABI_OVERFLOW_H
#define FLOWGUARD_ABI_OVERFLOW_H

#include "hash.h"
#include "parser.h"

/* From the most to the least precise; a level that is full passes on to the next. */
enum fg_overflow_level {
    FG_OVERFLOW_SERVICE = 0, /* local address, protocol, local port */
    FG_OVERFLOW_HOST = 1,    /* local address, protocol */
    FG_OVERFLOW_REST = 2,    /* everything else of the table, all interfaces */
};

#define FG_OVERFLOW_SERVICES 16u /* entries of each level in one table; powers of two */
#define FG_OVERFLOW_HOSTS 8u
#define FG_OVERFLOW_ENTRIES (FG_OVERFLOW_SERVICES + FG_OVERFLOW_HOSTS + 1)
#define FG_OVERFLOW_PROBES 8u

#define FG_SKETCH_BITS 13
#define FG_SKETCH_REGISTERS (1u << FG_SKETCH_BITS)

struct fg_overflow_key {
    __u8 address[16]; /* of this side: destination at ingress, source at egress */
    __u16 port;       /* of this side; ICMP: type; no IP: EtherType */
    __u8 proto;
    __u8 kind;  /* enum fg_kind */
    __u8 slot;  /* interface slot */
    __u8 level; /* enum fg_overflow_level */
    __u8 pad[2];
};
FG_STATIC_ASSERT(sizeof(struct fg_overflow_key) == 24);

struct fg_overflow_entry {
    struct fg_overflow_key key;
    __u64 packets; /* 0: the entry is free */
    __u64 bytes;
    __u64 dropped_packets;
    __u64 dropped_bytes;
    __u64 syn; /* TCP segments with SYN and without ACK */
    __u8 registers[FG_SKETCH_REGISTERS];
};
FG_STATIC_ASSERT(sizeof(struct fg_overflow_entry) == 64 + FG_SKETCH_REGISTERS);

/* The service that a flow counts for, seen from this side. */
FG_INLINE struct fg_overflow_key fg_overflow_service(const struct fg_flow_key *flow, enum fg_direction direction)
{
    struct fg_overflow_key key = {};
    __builtin_memcpy(key.address, direction == FG_RX ? flow->dst : flow->src, sizeof(key.address));
    key.port = direction == FG_RX && fg_has_ports(flow->proto) ? flow->dport : flow->sport;
    key.proto = flow->proto;
    key.kind = flow->kind;
    key.slot = flow->slot;
    key.level = FG_OVERFLOW_SERVICE;
    return key;
}

/* The same without its port. */
FG_INLINE void fg_overflow_to_host(struct fg_overflow_key *key)
{
    key->port = 0;
    key->level = FG_OVERFLOW_HOST;
}

FG_INLINE __u32 fg_sketch_register(__u64 hash) { return hash & (FG_SKETCH_REGISTERS - 1); }

/*
 * One more than the number of zero bits that the rest of the hash ends with. By halves, because clang 14 cannot count
 * trailing zeros for BPF.
 */
FG_INLINE __u8 fg_sketch_rank(__u64 hash)
{
    __u64 rest = hash >> FG_SKETCH_BITS | 1ULL << (64 - FG_SKETCH_BITS);
    __u32 rank = 1;
    FG_UNROLL
    for (__u32 half = 32; half > 0; half /= 2) {
        if (rest << (64 - half))
            continue;
        rest >>= half;
        rank += half;
    }
    return (__u8)rank;
}

#endif
