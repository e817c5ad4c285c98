/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policy: decided by addresses alone, so that no protocol, fragment or extension header can slip past a block. */
#ifndef FLOWGUARD_BPF_POLICY_H
#define FLOWGUARD_BPF_POLICY_H

/* What one packet weighs on the wire; a GSO packet is several frames. */
struct fg_weight {
    __u32 packets;
    __u32 bytes;
};

static __always_inline bool fg_is_live(const struct fg_block *block)
{
    /* The clock is read on a hit with an expiry alone: it costs more than the lookup. */
    return block->expires_boot_ns == 0 || bpf_ktime_get_boot_ns() < block->expires_boot_ns;
}

/* True when the packet is to be dropped; counts it on the entry. */
static __always_inline bool fg_is_blocked(const struct fg_control *control, const struct fg_packet *packet,
                                          enum fg_direction direction, const struct fg_weight *weight)
{
    if (!control->blocks_used || packet->key.kind > FG_KIND_IPV6)
        return false;
    const __u8 *address = direction == FG_RX ? packet->key.src : packet->key.dst;
    struct fg_block *block = bpf_map_lookup_elem(&fg_blocks, address);
    if (!block || !(block->directions & (direction == FG_RX ? FG_BLOCK_IN : FG_BLOCK_OUT)) || !fg_is_live(block))
        return false;
    /* Shared by all CPUs, unlike the flow tables. */
    __sync_fetch_and_add(&block->packets, weight->packets);
    __sync_fetch_and_add(&block->bytes, weight->bytes);
    return true;
}

#endif
