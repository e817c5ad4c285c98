// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/packet_table.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace flowguard {
namespace {

constexpr std::size_t smallest_index = 1024;

bool same(const fg_flow_key &a, const fg_flow_key &b) { return std::memcmp(&a, &b, sizeof a) == 0; }

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

} // namespace

PacketTable::PacketTable(std::size_t most_records) : most_records_(most_records), index_(smallest_index) {}

void PacketTable::add(const fg_packet &packet, std::uint32_t length, TimeNs time)
{
    const std::uint64_t hash = XXH3_64bits(&packet.key, sizeof packet.key);
    waiting_.at(waiting_count_++) = {.packet = packet, .hash = hash, .time = time, .length = length, .record = 0};
    __builtin_prefetch(&index_[hash & (index_.size() - 1)]);
    if (waiting_count_ == batch)
        count_waiting();
}

void PacketTable::count_waiting()
{
    if ((records_.size() + batch) * 2 > index_.size())
        grow_index();
    const std::span waiting(waiting_.data(), waiting_count_);
    for (const Waiting &each : waiting)
        prefetch_candidate(each.hash);
    for (Waiting &each : waiting)
        each.record = find_or_make(each);
    for (const Waiting &each : waiting)
        count(records_[each.record], each);
    waiting_count_ = 0;
}

/// The record that the first slot with this tag points to is nearly always the one.
void PacketTable::prefetch_candidate(std::uint64_t hash) const
{
    const Slot &slot = index_[hash & (index_.size() - 1)];
    if (slot.number != 0) {
        __builtin_prefetch(&records_[slot.number - 1], 1);
        __builtin_prefetch(reinterpret_cast<const char *>(&records_[slot.number - 1]) + 64, 1);
        __builtin_prefetch(reinterpret_cast<const char *>(&records_[slot.number - 1]) + 128, 1);
    }
}

std::uint32_t PacketTable::find_or_make(const Waiting &each)
{
    const std::size_t mask = index_.size() - 1;
    const std::uint32_t tag = tag_of(each.hash);
    std::size_t position = each.hash & mask;
    for (; index_[position].number != 0; position = (position + 1) & mask) {
        const std::uint32_t number = index_[position].number - 1;
        if (index_[position].tag == tag && same(records_[number].record.key, each.packet.key))
            return number;
    }
    const auto number = static_cast<std::uint32_t>(records_.size());
    Record &fresh = records_.emplace_back();
    fresh.record.key = each.packet.key;
    fresh.record.index_position = static_cast<std::uint32_t>(position);
    fresh.record.min_length = each.length;
    fresh.first = fresh.last = each.time;
    index_[position] = {.tag = tag, .number = number + 1};
    return number;
}

void PacketTable::count(Record &entry, const Waiting &each)
{
    fg_flow_record &record = entry.record;
    record.packets++;
    record.bytes += each.length;
    record.min_length = std::min(record.min_length, each.length);
    record.max_length = std::max(record.max_length, each.length);
    record.ttl = each.packet.ttl;
    entry.last = std::max(entry.last, each.time);
    const unsigned flags = each.packet.tcp_flags;
    if (flags == 0)
        return;
    record.tcp_flags = static_cast<std::uint8_t>(record.tcp_flags | flags);
    const bool syn = flags & FG_TCP_SYN;
    const bool ack = flags & FG_TCP_ACK;
    record.tcp.syn += syn && !ack;
    record.tcp.syn_ack += syn && ack;
    record.tcp.fin += (flags & FG_TCP_FIN) != 0;
    record.tcp.rst += (flags & FG_TCP_RST) != 0;
}

void PacketTable::grow_index()
{
    index_.assign(index_.size() * 2, {});
    const std::size_t mask = index_.size() - 1;
    for (std::size_t i = 0; i < records_.size(); i++) {
        fg_flow_record &record = records_[i].record;
        const std::uint64_t hash = XXH3_64bits(&record.key, sizeof record.key);
        std::size_t position = hash & mask;
        while (index_[position].number != 0)
            position = (position + 1) & mask;
        index_[position] = {.tag = tag_of(hash), .number = static_cast<std::uint32_t>(i + 1)};
        record.index_position = static_cast<std::uint32_t>(position);
    }
}

} // namespace flowguard
