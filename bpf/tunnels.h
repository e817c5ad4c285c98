/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes tunnels off, and keeps what is outside for policy: a block hits whichever header has the address. */
#ifndef FLOWGUARD_BPF_TUNNELS_H
#define FLOWGUARD_BPF_TUNNELS_H

/* Where a packet is read from, once more, by the functions below. */
struct fg_source {
    void *context;
    bool is_xdp;
    bool tunnels; /* look for them */
};

struct fg_outside {
    struct fg_packet packet[FG_MAX_TUNNELS]; /* outermost first */
    __u32 count;
};

/*
 * Global functions: the verifier checks them once, by themselves, and not again for every path through the outer
 * headers. They take the context, because packet pointers cannot be handed to a global function. They ask for fg_tunnels,
 * because Linux before 6.8 checks them also where nothing calls them.
 */
__noinline int fg_decapsulate_xdp(struct xdp_md *context, struct fg_packet *packet)
{
    struct fg_cursor frame = {(void *)(long)context->data, (void *)(long)context->data_end};
    return fg_tunnels && packet ? fg_decapsulate(frame, packet) : 0;
}

__noinline int fg_decapsulate_skb(struct __sk_buff *context, struct fg_packet *packet)
{
    struct fg_cursor frame = {(void *)(long)context->data, (void *)(long)context->data_end};
    return fg_tunnels && packet ? fg_decapsulate(frame, packet) : 0;
}

/* Makes *packet the innermost one. */
static __always_inline void fg_enter_tunnels(struct fg_source source, struct fg_packet *packet,
                                             struct fg_outside *outside)
{
    outside->count = 0;
#pragma unroll
    for (__u32 i = 0; i < FG_MAX_TUNNELS; i++) {
        outside->packet[i] = *packet;
        int entered = source.is_xdp ? fg_decapsulate_xdp(source.context, packet)
                                    : fg_decapsulate_skb(source.context, packet);
        if (!entered)
            return;
        outside->count = i + 1;
    }
}

/* A block that hits outside is not looked for further inside: each packet counts once, on one entry. */
static __always_inline bool fg_is_blocked_outside(const struct fg_control *control, const struct fg_outside *outside,
                                                  enum fg_direction direction, const struct fg_weight *weight)
{
#pragma unroll
    for (__u32 i = 0; i < FG_MAX_TUNNELS; i++)
        if (i < outside->count && fg_is_blocked(control, &outside->packet[i], direction, weight))
            return true;
    return false;
}

#endif
