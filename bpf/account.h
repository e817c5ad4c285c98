/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounting: what one packet adds to the record of its flow, or to overflow if it finds none. */
#ifndef FLOWGUARD_BPF_ACCOUNT_H
#define FLOWGUARD_BPF_ACCOUNT_H

static __always_inline void fg_count_tcp(struct fg_flow_record *record, __u8 flags, __u32 segments)
{
    record->tcp_flags |= flags;
    if (!(flags & (FG_TCP_SYN | FG_TCP_FIN | FG_TCP_RST)))
        return;
    if (flags & FG_TCP_SYN) {
        if (flags & FG_TCP_ACK)
            record->tcp.syn_ack += segments;
        else
            record->tcp.syn += segments;
    }
    /* GSO repeats FIN on its last segment only. */
    if (flags & FG_TCP_FIN)
        record->tcp.fin++;
    if (flags & FG_TCP_RST)
        record->tcp.rst += segments;
}

static __always_inline void fg_add(struct fg_volume *volume, const struct fg_weight *weight)
{
    volume->packets += weight->packets;
    volume->bytes += weight->bytes;
}

static __always_inline void fg_count_flow(const struct fg_table *table, const struct fg_packet *packet,
                                          const struct fg_weight *weight, enum fg_direction direction, bool dropped)
{
    enum fg_overflow_reason reason;
    struct fg_flow_record *record = fg_find_or_add(table, &packet->key, &reason);
    if (!record) {
        fg_add(&table->counters->overflow[reason], weight);
        table->head->overflown = 1;
        fg_count_overflow(table->number, packet, weight, direction, dropped);
        return;
    }
    __u32 length = weight->packets > 1 ? weight->bytes / weight->packets : weight->bytes;
    record->packets += weight->packets;
    record->bytes += weight->bytes;
    record->last = bpf_jiffies64();
    record->ttl = packet->ttl;
    if (length < record->min_length)
        record->min_length = length;
    if (length > record->max_length)
        record->max_length = length;
    if (packet->key.proto == FG_PROTO_TCP)
        fg_count_tcp(record, packet->tcp_flags, weight->packets);
    if (dropped) {
        record->dropped_packets += weight->packets;
        record->dropped_bytes += weight->bytes;
    }
}

#endif
