/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies DNS datagrams to user space, as far as the budget of this CPU, direction and epoch goes; see abi/samples.h. */
#ifndef FLOWGUARD_BPF_SAMPLES_H
#define FLOWGUARD_BPF_SAMPLES_H

static __always_inline __u32 fg_source_length(const struct fg_source *source)
{
    return source->is_xdp ? bpf_xdp_get_buff_len(source->context) : ((struct __sk_buff *)source->context)->len;
}

static __always_inline long fg_load(const struct fg_source *source, __u32 offset, void *to, __u32 length)
{
    return source->is_xdp ? bpf_xdp_load_bytes(source->context, offset, to, length)
                          : bpf_skb_load_bytes(source->context, offset, to, length);
}

/*
 * `length`: of the datagram with its header. The compiler would make one comparison of the two bounds, from which the
 * verifier of Linux 6.1 does not learn the lower one.
 */
static __always_inline bool fg_copy_datagram(const struct fg_source *source, __u32 offset, __u32 length,
                                             struct fg_sample *sample)
{
    if (length > sizeof(sample->datagram))
        length = sizeof(sample->datagram);
    asm volatile("" : "+r"(length));
    if (length <= FG_UDP_HEADER)
        return false;
    asm volatile("" : "+r"(length));
    if (length > sizeof(sample->datagram))
        return false;
    sample->captured = length;
    return fg_load(source, offset, sample->datagram, length) == 0;
}

static __always_inline void fg_take_sample(const struct fg_source *source, const struct fg_table *table,
                                           const struct fg_packet *packet, __u32 budget)
{
    __u32 whole = fg_source_length(source);
    if (packet->header_length < FG_UDP_HEADER || whole <= packet->header_length)
        return;
    __u32 used = table->head->sampled;
    if (used >= budget) {
        table->counters->not_sampled++;
        return;
    }
    table->head->sampled = used + 1;
    struct fg_sample *sample = bpf_ringbuf_reserve(&fg_samples, sizeof(*sample), 0);
    if (!sample) {
        table->counters->samples_lost++;
        return;
    }
    __u32 offset = packet->header_length - FG_UDP_HEADER;
    sample->key = packet->key;
    sample->time = bpf_jiffies64();
    if (fg_copy_datagram(source, offset, whole - offset, sample))
        bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP); /* user space reads at each tick */
    else
        bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
}

/* Not inlined: all other traffic keeps its registers. */
static __noinline void fg_sample_xdp(struct xdp_md *context, const struct fg_table *table,
                                     const struct fg_packet *packet, __u32 budget)
{
    struct fg_source source = {context, true, false};
    fg_take_sample(&source, table, packet, budget);
}

static __noinline void fg_sample_skb(struct __sk_buff *context, const struct fg_table *table,
                                     const struct fg_packet *packet, __u32 budget)
{
    struct fg_source source = {context, false, false};
    fg_take_sample(&source, table, packet, budget);
}

static __always_inline void fg_sample_dns(struct fg_source source, const struct fg_control *control,
                                          const struct fg_table *table, const struct fg_packet *packet)
{
    const struct fg_flow_key *key = &packet->key;
    if (key->proto != FG_PROTO_UDP || (key->sport != FG_DNS_PORT && key->dport != FG_DNS_PORT))
        return;
    __u32 budget = control->sample_budget;
    if (!budget)
        return;
    if (source.is_xdp)
        fg_sample_xdp(source.context, table, packet, budget);
    else
        fg_sample_skb(source.context, table, packet, budget);
}

#endif
