/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policy: decided by addresses alone, so that no protocol, fragment or extension header can slip past a block. */
#ifndef FLOWGUARD_BPF_POLICY_H
#define FLOWGUARD_BPF_POLICY_H

/* What one packet weighs on the wire; a GSO packet is several frames. */
struct fg_weight {
    __u32 packets;
    __u32 bytes;
};

static __always_inline bool fg_gate_bit(__u32 bit)
{
    __u32 at = bit / FG_GATE_LINE_BITS;
    const struct fg_gate_line *line = bpf_map_lookup_elem(&fg_gate, &at);
    return line && line->word[bit / 64 & 7] >> (bit & 63) & 1;
}

/* False: the address is not on the blocklist, neither by itself nor by prefix. */
static __always_inline bool fg_may_be_blocked(const struct fg_control *control, __u8 kind, const __u8 *address)
{
    if (kind == FG_KIND_IPV4)
        return fg_gate_bit(fg_gate_v4(address));
    if (fg_gate_bit(fg_gate_v6(address, FG_GATE_V6_LONG, fg_hash_keys)))
        return true;
    return (control->short_prefixes | control->short_rules) &&
           fg_gate_bit(fg_gate_v6(address, FG_GATE_V6_SHORT, fg_hash_keys));
}

static __always_inline bool fg_applies(const struct fg_block *block, __u32 direction)
{
    if (!(block->directions & direction))
        return false;
    /* The clock is read on a hit with an expiry alone: it costs more than the lookup. */
    return block->expires_boot_ns == 0 || bpf_ktime_get_boot_ns() < block->expires_boot_ns;
}

/* The longest prefix first; one that has expired or is for the other direction hides no shorter one. */
static __always_inline struct fg_block *fg_find_prefix(const __u8 *address, __u32 direction)
{
    struct fg_prefix key = {.bits = 128};
    __builtin_memcpy(key.bytes, address, sizeof(key.bytes));
    for (int i = 0; i < FG_MAX_NESTED_PREFIXES; i++) {
        struct fg_block *block = bpf_map_lookup_elem(&fg_prefixes, &key);
        if (!block || fg_applies(block, direction))
            return block;
        if (!block->prefix_bits)
            break;
        key.bits = block->prefix_bits - 1;
    }
    return NULL;
}

/* Not inlined: most packets end at the gate. */
static __noinline struct fg_block *fg_find_block(const struct fg_control *control, const __u8 *address, __u32 direction)
{
    struct fg_block *block = control->hosts ? bpf_map_lookup_elem(&fg_blocks, address) : NULL;
    if (block && fg_applies(block, direction))
        return block;
    return control->prefixes ? fg_find_prefix(address, direction) : NULL;
}

/* True when packets of this remote address are to be dropped; counts this one on the entry. */
static __always_inline bool fg_hits_block(const struct fg_control *control, __u8 kind, const __u8 *address,
                                          enum fg_direction direction, const struct fg_weight *weight)
{
    if (!(control->hosts | control->prefixes) || kind > FG_KIND_IPV6)
        return false;
    if (!fg_may_be_blocked(control, kind, address))
        return false;
    struct fg_block *block = fg_find_block(control, address, direction == FG_RX ? FG_BLOCK_IN : FG_BLOCK_OUT);
    if (!block)
        return false;
    /* Shared by all CPUs, unlike the flow tables. */
    __sync_fetch_and_add(&block->packets, weight->packets);
    __sync_fetch_and_add(&block->bytes, weight->bytes);
    return true;
}

static __always_inline bool fg_is_blocked(const struct fg_control *control, const struct fg_packet *packet,
                                          enum fg_direction direction, const struct fg_weight *weight)
{
    return fg_hits_block(control, packet->key.kind, direction == FG_RX ? packet->key.src : packet->key.dst, direction,
                         weight);
}

#endif
