/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drives another XDP program through many flows inside one BPF_PROG_TEST_RUN: writes the next flow into the packet in
 * place, then tail-calls the program under test. A program array takes programs with or without support for fragments,
 * not both, hence two of everything.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "drive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct fg_drive fg_drive = {};

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} fg_subject SEC(".maps"), fg_subject_frags SEC(".maps");

/* Marsaglia's xorshift: the same run makes the same packets. */
static __always_inline __u64 fg_random(void)
{
    __u64 x = fg_drive.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    fg_drive.random = x;
    return x;
}

static __always_inline __u64 fg_next_flow(void)
{
    if (fg_drive.order == FG_DRIVE_NEW)
        return fg_drive.fresh++;
    if (fg_drive.order == FG_DRIVE_RANDOM)
        return (fg_random() >> 32) * fg_drive.flows >> 32;
    __u64 flow = fg_drive.position;
    fg_drive.position = flow + 1 < fg_drive.flows ? flow + 1 : 0;
    return flow;
}

/*
 * Stores are as wide as the widest load that a parser may make there (both ports, both IPv4 addresses, half an IPv6
 * address): a wider load than the store before it waits for the cache, which packets from a device never do.
 */
static __always_inline bool fg_write(struct xdp_md *context)
{
    void *data = (void *)(long)context->data;
    void *end = (void *)(long)context->data_end;
    if (data + FG_DRIVE_FRAME > end)
        return false;

    __u64 flow = fg_next_flow();
    __u32 source = bpf_htonl(fg_drive.source + (__u32)(flow & ((1ull << fg_drive.host_bits) - 1)));
    __u16 port = bpf_htons(FG_DRIVE_FIRST_PORT + (__u16)(flow >> fg_drive.host_bits));
    __u32 ports = (__u32)fg_drive.destination_port << 16 | port;
    if (fg_drive.ipv6) {
        *(__u64 *)(data + 30) = (__u64)source << 32;
        *(__u32 *)(data + 54) = ports;
    } else {
        *(__u64 *)(data + 26) = (__u64)fg_drive.destination << 32 | source;
        *(__u32 *)(data + 34) = ports;
    }
    return true;
}

SEC("xdp")
int fg_drive_plain(struct xdp_md *context)
{
    if (fg_write(context))
        bpf_tail_call(context, &fg_subject, 0);
    return XDP_ABORTED;
}

SEC("xdp.frags")
int fg_drive_frags(struct xdp_md *context)
{
    if (fg_write(context))
        bpf_tail_call(context, &fg_subject_frags, 0);
    return XDP_ABORTED;
}

SEC("xdp")
int fg_pass_plain(struct xdp_md *context __attribute__((unused))) { return XDP_PASS; }

SEC("xdp.frags")
int fg_pass_frags(struct xdp_md *context __attribute__((unused))) { return XDP_PASS; }
