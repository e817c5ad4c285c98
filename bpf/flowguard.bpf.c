/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entry points only: each one reads its hook's packet, and all share fg_handle(). */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "flowguard/abi/admission.h"
#include "flowguard/abi/clock.h"
#include "flowguard/abi/counters.h"
#include "flowguard/abi/flow.h"
#include "flowguard/abi/gate.h"
#include "flowguard/abi/overflow.h"
#include "flowguard/abi/parser.h"
#include "flowguard/abi/policy.h"
#include "flowguard/abi/rules.h"
#include "flowguard/abi/samples.h"
#include "flowguard/abi/tunnel.h"

#include "config.h"
#include "maps.h"
#include "policy.h"

#include "limits.h"
#include "rules.h"

#include "flow_table.h"
#include "overflow.h"

#include "account.h"
#include "tunnels.h"

#include "samples.h"

/* linux/pkt_cls.h; BTF has no macros. */
enum fg_tc_action {
    FG_TC_NEXT = -1, /* go on with whatever else is attached */
    FG_TC_DROP = 2,
};

/* Headers that the parser may want in the linear part of a socket buffer. */
#define FG_PULL_LENGTH 256
#define FG_LINEAR_ENOUGH 128

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * One way for every packet: totals, policy, ports, flow. Returns true when the packet is to be dropped.
 *
 * The way through tunnels is a copy in a function apart, chosen by fg_tunnels at each entry point: even a branch that is
 * dead at load would change how clang lays out the way without them.
 */
static __always_inline bool fg_handle(struct fg_source source, struct fg_cursor *cursor, struct fg_packet *packet,
                                      enum fg_direction direction, struct fg_weight *weight, __u32 segments)
{
    __u32 zero = 0;
    struct fg_table table;
    struct fg_control *control = bpf_map_lookup_elem(&fg_control, &zero);
    if (!control || !fg_open_table(control, direction, &table))
        return false;

    packet->key.slot = fg_slot;
    fg_parse_network(cursor, packet, fg_link_type);
    fg_parse_transport(cursor, packet);
    struct fg_outside outside;
    if (source.tunnels)
        fg_enter_tunnels(source, packet, &outside);
    if (segments > 1) {
        /* tc ingress: what GRO merged had a header each. */
        weight->packets = segments;
        weight->bytes += (segments - 1) * packet->header_length;
    }
    fg_add(&table.counters->total, weight);
    bool dropped = (source.tunnels && fg_is_blocked_outside(control, &outside, direction, weight)) ||
                   (control->rules ? fg_judge_by_rules(packet, weight, direction) != 0
                                   : fg_is_blocked(control, packet, direction, weight));
    if (dropped)
        fg_add(&table.counters->dropped, weight);
    fg_count_flow(&table, packet, weight, direction, dropped);
    if (!dropped)
        fg_sample_dns(source, control, &table, packet);
    return dropped;
}

static __always_inline int fg_handle_xdp(struct xdp_md *context, bool tunnels)
{
    struct fg_cursor cursor = {(void *)(long)context->data, (void *)(long)context->data_end};
    struct fg_packet packet = {};
    struct fg_weight weight = {1, bpf_xdp_get_buff_len(context)};

    return fg_handle((struct fg_source){context, true, tunnels}, &cursor, &packet, FG_RX, &weight, 1) ? XDP_DROP
                                                                                                      : XDP_PASS;
}

static __noinline int fg_xdp_with_tunnels(struct xdp_md *context) { return fg_handle_xdp(context, true); }

SEC("xdp.frags")
int fg_xdp(struct xdp_md *context) { return fg_tunnels ? fg_xdp_with_tunnels(context) : fg_handle_xdp(context, false); }

/*
 * The tag that the kernel or the device keeps beside the frame. Returns the bytes that it takes in the device's own
 * counters: none where the device itself takes tags off or puts them in.
 */
static __always_inline __u32 fg_restore_vlan(const struct __sk_buff *skb, struct fg_packet *packet, __u32 offload)
{
    if (!skb->vlan_present)
        return 0;
    packet->key.vlan[0] = skb->vlan_tci & FG_VLAN_ID_MASK;
    packet->vlans = 1;
    __u32 slot = fg_slot;
    const struct fg_interface *interface = bpf_map_lookup_elem(&fg_interfaces, &slot);
    return interface && (interface->vlan_offloads & offload) ? 0 : FG_VLAN_TAG_LENGTH;
}

/* A function of its own: inlined, clang merges the context accesses around the call into ones that verifiers refuse. */
static __noinline void fg_linearize(struct __sk_buff *skb, __u32 enough)
{
    __u32 length = skb->len;
    long linear = (long)skb->data_end - (long)skb->data;
    if (linear >= enough || linear >= length)
        return;
    bpf_skb_pull_data(skb, length < FG_PULL_LENGTH ? length : FG_PULL_LENGTH);
}

static __always_inline __u32 fg_segments(const struct __sk_buff *skb)
{
    if (skb->gso_segs)
        return skb->gso_segs;
    /* Guests and tap devices may give the size alone. */
    return skb->gso_size ? (skb->len + skb->gso_size - 1) / skb->gso_size : 1;
}

static __always_inline int fg_handle_egress(struct __sk_buff *skb, bool tunnels)
{
    struct fg_packet packet = {};
    __u32 tag = fg_restore_vlan(skb, &packet, FG_DEVICE_INSERTS_TAGS);
    fg_linearize(skb, tunnels ? FG_PULL_LENGTH : FG_LINEAR_ENOUGH);

    struct fg_cursor cursor = {(void *)(long)skb->data, (void *)(long)skb->data_end};
    __u32 segments = fg_segments(skb);
    /* The kernel has put the headers of all segments into wire_len already. */
    struct fg_weight weight = {segments, skb->wire_len + tag * segments};

    return fg_handle((struct fg_source){skb, false, tunnels}, &cursor, &packet, FG_TX, &weight, 1) ? FG_TC_DROP
                                                                                                   : FG_TC_NEXT;
}

static __noinline int fg_egress_with_tunnels(struct __sk_buff *skb) { return fg_handle_egress(skb, true); }

SEC("tc")
int fg_tc_egress(struct __sk_buff *skb)
{
    return fg_tunnels ? fg_egress_with_tunnels(skb) : fg_handle_egress(skb, false);
}

static __always_inline int fg_handle_ingress(struct __sk_buff *skb, bool tunnels)
{
    struct fg_packet packet = {};
    __u32 tag = fg_restore_vlan(skb, &packet, FG_DEVICE_STRIPS_TAGS);
    fg_linearize(skb, tunnels ? FG_PULL_LENGTH : FG_LINEAR_ENOUGH);

    struct fg_cursor cursor = {(void *)(long)skb->data, (void *)(long)skb->data_end};
    __u32 segments = fg_segments(skb);
    struct fg_weight weight = {1, skb->len + tag * segments};

    return fg_handle((struct fg_source){skb, false, tunnels}, &cursor, &packet, FG_RX, &weight, segments) ? FG_TC_DROP
                                                                                                          : FG_TC_NEXT;
}

static __noinline int fg_ingress_with_tunnels(struct __sk_buff *skb) { return fg_handle_ingress(skb, true); }

SEC("tc")
int fg_tc_ingress(struct __sk_buff *skb)
{
    return fg_tunnels ? fg_ingress_with_tunnels(skb) : fg_handle_ingress(skb, false);
}

/* Ties jiffies, in which records keep time, to the clocks of user space. */
SEC("syscall")
int fg_clock(struct fg_clock_reading *reading)
{
    reading->jiffies = bpf_jiffies64();
    reading->boot_ns = bpf_ktime_get_boot_ns();
    return 0;
}
