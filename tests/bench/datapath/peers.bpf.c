/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flow counter as anybody would write it: packets and bytes by five-tuple in one of the kernel's hash maps. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "peers.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Values that CPUs share are added to atomically; dead code for a map of values per CPU. */
const volatile bool fg_shared = true;

/* User space sets type and size before load. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct fg_peer_key);
    __type(value, struct fg_peer_counts);
} fg_peer_flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} fg_peer_overflow SEC(".maps");

/* The transport header's offset; 0 if there is nothing to count. */
static __always_inline __u32 fg_parse_ip(void *data, void *end, struct fg_peer_key *key)
{
    struct ethhdr *ethernet = data;
    if ((void *)(ethernet + 1) > end)
        return 0;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end || ip->ihl != 5)
            return 0;
        key->src[10] = key->src[11] = key->dst[10] = key->dst[11] = 0xff;
        __builtin_memcpy(&key->src[12], &ip->saddr, 4);
        __builtin_memcpy(&key->dst[12], &ip->daddr, 4);
        key->proto = ip->protocol;
        return sizeof(*ethernet) + sizeof(*ip);
    }
    if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end)
            return 0;
        __builtin_memcpy(key->src, &ip->saddr, 16);
        __builtin_memcpy(key->dst, &ip->daddr, 16);
        key->proto = ip->nexthdr;
        return sizeof(*ethernet) + sizeof(*ip);
    }
    return 0;
}

static __always_inline bool fg_parse(void *data, void *end, struct fg_peer_key *key)
{
    __u32 offset = fg_parse_ip(data, end, key);
    if (!offset || (key->proto != IPPROTO_UDP && key->proto != IPPROTO_TCP))
        return false;
    /* TCP's ports stand where UDP's do. */
    struct udphdr *ports = data + offset;
    if ((void *)(ports + 1) > end)
        return false;
    key->sport = ports->source;
    key->dport = ports->dest;
    return true;
}

static __always_inline struct fg_peer_counts *fg_find_or_add(const struct fg_peer_key *key)
{
    struct fg_peer_counts *counts = bpf_map_lookup_elem(&fg_peer_flows, key);
    if (counts)
        return counts;
    struct fg_peer_counts none = {};
    bpf_map_update_elem(&fg_peer_flows, key, &none, BPF_NOEXIST);
    return bpf_map_lookup_elem(&fg_peer_flows, key);
}

static __always_inline void fg_add(struct fg_peer_counts *counts, __u32 bytes)
{
    if (fg_shared) {
        __sync_fetch_and_add(&counts->packets, 1);
        __sync_fetch_and_add(&counts->bytes, bytes);
    } else {
        counts->packets++;
        counts->bytes += bytes;
    }
}

SEC("xdp")
int fg_peer(struct xdp_md *context)
{
    void *data = (void *)(long)context->data;
    void *end = (void *)(long)context->data_end;
    struct fg_peer_key key = {};

    if (!fg_parse(data, end, &key))
        return XDP_PASS;
    struct fg_peer_counts *counts = fg_find_or_add(&key);
    if (counts) {
        fg_add(counts, end - data);
        return XDP_PASS;
    }
    __u32 zero = 0;
    __u64 *overflow = bpf_map_lookup_elem(&fg_peer_overflow, &zero);
    if (overflow)
        ++*overflow;
    return XDP_PASS;
}
