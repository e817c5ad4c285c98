/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes frames inside BPF_PROG_TEST_RUN and redirects them to one device; counts what the device took. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "generate.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 fg_ifindex = 0;
const volatile __u32 fg_order = FG_ORDER_TURNS;
const volatile __u64 fg_flows = 1;
const volatile struct fg_frame fg_frame = {};

struct fg_sender fg_senders[FG_MAX_SENDERS] __attribute__((aligned(64))) = {};

static __always_inline struct fg_sender *fg_this_sender(void)
{
    return &fg_senders[bpf_get_smp_processor_id() & (FG_MAX_SENDERS - 1)];
}

/* Marsaglia's xorshift: the same run sends the same frames. */
static __always_inline __u64 fg_random(struct fg_sender *sender)
{
    __u64 x = sender->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sender->random = x;
    return x;
}

static __always_inline __u64 fg_next_flow(struct fg_sender *sender)
{
    if (fg_order == FG_ORDER_TURNS) {
        __u64 flow = sender->position;
        sender->position = flow + 1 < fg_flows ? flow + 1 : 0;
        return flow;
    }
    __u64 x = fg_random(sender);
    if (fg_order == FG_ORDER_RANDOM)
        return (x >> 32) * fg_flows >> 32;
    __u64 host = x & ((1ull << fg_frame.host_bits) - 1);
    __u64 port = (x >> 48) * FG_PORTS >> 16;
    return port << fg_frame.host_bits | host;
}

static __always_inline __u16 fg_fold(__u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return bpf_htons(~sum);
}

/* All headers, because whoever got this page before may have changed them. */
static __always_inline void fg_write(void *data, __u64 flow)
{
    __u32 source = fg_frame.source | (__u32)(flow & ((1ull << fg_frame.host_bits) - 1));
    __u32 port = FG_FIRST_PORT + (__u32)(flow >> fg_frame.host_bits);
    __u32 source_sum = (source & 0xffff) + (source >> 16);
    __u64 *words = data;

#pragma unroll
    for (__u32 i = 0; i < FG_FRAME_WORDS; i++)
        if (i < fg_frame.used_words)
            words[i] = fg_frame.words[i];
    *(__u32 *)(data + fg_frame.source_offset) = bpf_htonl(source);
    *(__u16 *)(data + fg_frame.port_offset) = bpf_htons(port);
    if (fg_frame.ip_checksum_offset)
        *(__u16 *)(data + fg_frame.ip_checksum_offset) = fg_fold(fg_frame.ip_sum + source_sum);
    /* UDP reads 0 as "no checksum"; its complement says the same number. */
    __u16 checksum = fg_fold(fg_frame.sum + source_sum + port);
    *(__u16 *)(data + fg_frame.checksum_offset) = checksum ? checksum : 0xffff;
}

SEC("xdp")
int fg_send(struct xdp_md *context)
{
    void *data = (void *)(long)context->data;
    void *end = (void *)(long)context->data_end;
    struct fg_sender *sender = fg_this_sender();

    if (data + fg_frame.used_words * 8 > end)
        return XDP_ABORTED;
    fg_write(data, fg_next_flow(sender));
    sender->handed++;
    sender->in_flight++;
    return bpf_redirect(fg_ifindex, 0);
}

/*
 * xdp_devmap_xmit(from, to, sent, drops, error), right after the device was asked to send up to 16 frames. A batch runs
 * from first frame to flush with softirqs off, so while frames are in flight on this CPU, the event is about them.
 * A full ring is drops without an error.
 */
SEC("tp_btf/xdp_devmap_xmit")
int fg_sent(__u64 *arguments)
{
    struct fg_sender *sender = fg_this_sender();
    int sent = (int)arguments[2];
    int drops = (int)arguments[3];
    int error = (int)arguments[4];

    if (!sender->in_flight || error)
        return 0;
    sender->in_flight -= sent + drops;
    sender->delivered += sent;
    return 0;
}
