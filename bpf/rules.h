/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first rule that matches decides, and the blocklist has its place among them; see abi/rules.h for how they are found. */
#ifndef FLOWGUARD_BPF_RULES_H
#define FLOWGUARD_BPF_RULES_H

enum fg_verdict {
    FG_UNDECIDED = 0,
    FG_PASS = 1,
    FG_DROP = 2,
};

/*
 * A packet on its way through the rules. Numbers alone: what a callback may read on every kernel.
 *
 * The functions that take it are global ones: the verifier checks each once, by itself, and not again for every path that
 * leads to it. They get no pointers that they could trust, and look maps up themselves.
 */
struct fg_decision {
    __u64 summary; /* words of the AND that may hold more rules */
    __u64 word;    /* rules of word `at` that are left */
    __u32 at;
    __u32 until; /* bits from here on wait */
    __u32 half;
    __u32 verdict; /* enum fg_verdict */
    __u32 row[FG_FIELDS + 1];
    struct fg_weight weight;
    __u8 address[16];
};

static const volatile __u8 fg_bit_numbers[64] = {
    // clang-format off
     0,  1, 48,  2, 57, 49, 28,  3, 61, 58, 50, 42, 38, 29, 17,  4,
    62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12,  5,
    63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
    46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19,  9, 13,  8,  7,  6,
    // clang-format on
};

static __always_inline const struct fg_rule_row *fg_row(__u32 at) { return bpf_map_lookup_elem(&fg_rule_rows, &at); }

__noinline int fg_use_row(struct fg_decision *decision, __u32 field, __u32 number)
{
    if (!decision)
        return 0;
    __u32 at = decision->half * FG_RULE_ROWS + (number & (FG_RULE_ROWS - 1));
    const struct fg_rule_row *row = fg_row(at);
    decision->row[field & FG_FIELDS] = at;
    decision->summary &= row ? row->summary : 0;
    return 0;
}

static __always_inline __u64 fg_and_rows(const struct fg_decision *decision)
{
    __u64 word = ~0ULL;
#pragma unroll
    for (__u32 field = 0; field < FG_FIELDS; field++) {
        const struct fg_rule_row *row = fg_row(decision->row[field]);
        word &= row ? row->word[decision->at & (FG_RULE_WORDS - 1)] : 0;
    }
    return word;
}

/*
 * The number of the lowest bit; `bits` is not 0. By a de Bruijn sequence (Leiserson, Prokop and Randall, 1998): a look-up has no
 * branches, and its result is any number to the verifier, which would else follow each of 64.
 */
static __always_inline __u32 fg_lowest(__u64 bits)
{
    return fg_bit_numbers[(bits & -bits) * 0x03f79d71b4cb0a89ULL >> 58];
}

static __always_inline enum fg_verdict fg_apply(struct fg_rule *rule, const struct fg_decision *decision)
{
    __u8 action = rule->action;
    if (action == FG_RULE_NONE || (rule->expires_boot_ns && bpf_ktime_get_boot_ns() >= rule->expires_boot_ns))
        return FG_UNDECIDED;
    __sync_fetch_and_add(&rule->packets, decision->weight.packets);
    __sync_fetch_and_add(&rule->bytes, decision->weight.bytes);
    rule->last_hit = bpf_ktime_get_coarse_ns();
    if (action == FG_RULE_ALLOW)
        return FG_PASS;
    if (action == FG_RULE_LIMIT && fg_is_within(rule, decision->address, &decision->weight))
        return FG_UNDECIDED;
    __sync_fetch_and_add(&rule->dropped_packets, decision->weight.packets);
    __sync_fetch_and_add(&rule->dropped_bytes, decision->weight.bytes);
    return FG_DROP;
}

/* One step: the next word, or the next rule of the word. Returns 1 to stop. */
static long fg_next_rule(__u32 step __attribute__((unused)), struct fg_decision *decision)
{
    if (!decision->word) {
        if (!decision->summary)
            return 1;
        decision->at = fg_lowest(decision->summary);
        decision->summary &= decision->summary - 1;
        decision->word = fg_and_rows(decision);
        return 0;
    }
    __u32 bit = decision->at * 64 + fg_lowest(decision->word);
    if (bit >= decision->until)
        return 1;
    decision->word &= decision->word - 1;
    const struct fg_rule_half *half = bpf_map_lookup_elem(&fg_rule_halves, &decision->half);
    if (!half)
        return 1;
    __u32 slot = half->order[bit & (FG_MAX_RULES - 1)];
    struct fg_rule *rule = bpf_map_lookup_elem(&fg_rules, &slot);
    if (rule)
        decision->verdict = fg_apply(rule, decision);
    return decision->verdict != FG_UNDECIDED;
}

/* The number of the row of the remote address. */
__noinline int fg_find_address(struct fg_packet *packet, struct fg_decision *decision)
{
    __u32 zero = 0;
    const struct fg_control *control = bpf_map_lookup_elem(&fg_control, &zero);
    if (!packet || !decision || !control)
        return FG_ALL_RULES;
    __u32 number = decision->half;
    const struct fg_rule_half *half = bpf_map_lookup_elem(&fg_rule_halves, &number);
    if (!half)
        return FG_ALL_RULES;
    __u32 any = packet->key.kind == FG_KIND_IPV4 ? half->any_v4 : half->any_v6;
    if (!fg_may_be_blocked(control, packet->key.kind, decision->address))
        return any;
    struct fg_prefix key = {.bits = 128};
    __builtin_memcpy(key.bytes, decision->address, sizeof(key.bytes));
    const __u32 *row = number ? bpf_map_lookup_elem(&fg_rule_prefixes_1, &key)
                              : bpf_map_lookup_elem(&fg_rule_prefixes_0, &key);
    return row ? *row : any;
}

/* Fields by what they cost to look at; a packet that no rule is left for is looked at no further. */
__noinline int fg_find_rules(struct fg_packet *packet, struct fg_decision *decision, int direction)
{
    if (!packet || !decision)
        return 0;
    __u32 number = decision->half;
    const struct fg_rule_half *half = bpf_map_lookup_elem(&fg_rule_halves, &number);
    if (!half)
        return 0;
    const struct fg_flow_key *key = &packet->key;
    bool no_ports = key->flags & FG_KEY_NO_PORTS;
    __u32 fields = half->fields;

    if (fields & 1 << FG_FIELD_PATH) {
        __u32 path = (fg_slot * FG_DIRECTIONS + direction) & (FG_MAX_INTERFACES * FG_DIRECTIONS - 1);
        fg_use_row(decision, FG_FIELD_PATH, half->path[path]);
    }
    if (fields & 1 << FG_FIELD_PROTO && decision->summary)
        fg_use_row(decision, FG_FIELD_PROTO, half->proto[key->proto]);
    if (fields & 1 << FG_FIELD_DPORT && decision->summary)
        fg_use_row(decision, FG_FIELD_DPORT, no_ports ? half->no_dport : half->dport[key->dport]);
    if (fields & 1 << FG_FIELD_SPORT && decision->summary)
        fg_use_row(decision, FG_FIELD_SPORT, no_ports ? half->no_sport : half->sport[key->sport]);
    if (fields & 1 << FG_FIELD_TCP_FLAGS && decision->summary)
        fg_use_row(decision, FG_FIELD_TCP_FLAGS,
                   no_ports      ? half->no_tcp_flags
                   : packet->cut ? half->cut_tcp_flags
                                 : half->tcp_flags[packet->tcp_flags]);
    if (fields & 1 << FG_FIELD_ADDRESS && decision->summary)
        fg_use_row(decision, FG_FIELD_ADDRESS, fg_find_address(packet, decision));
    if (fields & 1 << FG_FIELD_LENGTH && decision->summary) {
        __u32 length = decision->weight.bytes;
        if (decision->weight.packets > 1)
            length /= decision->weight.packets;
        if (length > 65535)
            length = 65535;
        asm volatile("" : "+r"(length)); /* or the compiler leaves out the bound that the verifier wants to see */
        fg_use_row(decision, FG_FIELD_LENGTH, half->length[length & 65535]);
    }
    return half->early;
}

/* Not 0 when the packet is to be dropped. */
__noinline int fg_judge_by_rules(struct fg_packet *packet, struct fg_weight *weight, int direction)
{
    __u32 zero = 0;
    const struct fg_control *control = bpf_map_lookup_elem(&fg_control, &zero);
    if (!control || !packet || !weight || packet->key.kind > FG_KIND_IPV6)
        return 0;
    struct fg_decision decision = {.summary = ~0ULL, .half = (control->rules - 1) & 1, .weight = *weight};
    __builtin_memcpy(decision.address, direction == FG_RX ? packet->key.src : packet->key.dst,
                     sizeof(decision.address));
#pragma unroll
    for (__u32 field = 0; field <= FG_FIELDS; field++)
        decision.row[field] = decision.half * FG_RULE_ROWS + FG_ALL_RULES;
    __u32 early = fg_find_rules(packet, &decision, direction);
    decision.until = early;
    if (early && decision.summary)
        bpf_loop(FG_MAX_RULES + FG_RULE_WORDS, fg_next_rule, &decision, 0);
    /* The copy of the address: before Linux 6.2 a map's key must not be what a global function was given. */
    if (decision.verdict == FG_UNDECIDED &&
        fg_hits_block(control, packet->key.kind, decision.address, direction, weight))
        return 1;
    decision.until = FG_MAX_RULES;
    if (decision.verdict == FG_UNDECIDED && (decision.summary | decision.word))
        bpf_loop(FG_MAX_RULES + FG_RULE_WORDS, fg_next_rule, &decision, 0);
    return decision.verdict == FG_DROP;
}

#endif
