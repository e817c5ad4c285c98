// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/overflow.h"

#include <algorithm>

namespace flowguard {

OverflowTable::Key::Key(const fg_overflow_key &key, fg_direction direction_)
    : direction(direction_),
      slot(key.slot),
      level(key.level),
      kind(key.kind),
      proto(key.proto),
      port(key.port),
      address(key.address)
{
}

void OverflowTable::add(const fg_overflow_entry &entry, fg_direction direction, TimeNs now, const RateClock &clock)
{
    const fg_overflow_key &key = entry.key;
    const Key at(key, direction);
    auto found = entries_.find(at);
    if (found == entries_.end()) {
        make_room();
        found = entries_.emplace(at, Entry{}).first;
        found->second.aggregate = {.slot = key.slot,
                                   .direction = direction,
                                   .level = static_cast<fg_overflow_level>(key.level),
                                   .kind = key.kind,
                                   .proto = key.proto,
                                   .port = key.port,
                                   .address = at.address,
                                   .volume = {},
                                   .dropped = {},
                                   .start = now,
                                   .last = now,
                                   .tick_volume = {},
                                   .bits = {},
                                   .packets = {}};
    }
    OverflowAggregate &sum = found->second.aggregate;
    sum.volume += {entry.packets, entry.bytes};
    sum.dropped += {entry.dropped_packets, entry.dropped_bytes};
    sum.syn += entry.syn;
    sum.tick_volume += {entry.packets, entry.bytes};
    sum.tick_syn += entry.syn;
    sum.last = now;
    sum.bits.add(clock, static_cast<double>(entry.bytes) * 8);
    sum.packets.add(clock, static_cast<double>(entry.packets));
    found->second.remotes.join(entry.registers);
}

void OverflowTable::note(const fg_flow_record &record, fg_direction direction, const HashKeys &hash_keys)
{
    fg_overflow_key key = fg_overflow_service(&record.key, direction);
    auto found = entries_.find(Key(key, direction));
    if (found == entries_.end()) {
        fg_overflow_to_host(&key);
        found = entries_.find(Key(key, direction));
    }
    if (found != entries_.end())
        found->second.remotes.note(direction == FG_RX ? record.key.src : record.key.dst, hash_keys);
}

void OverflowTable::make_room()
{
    if (entries_.size() < max_entries)
        return;
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto &e) { return e.second.aggregate.last; }));
}

void OverflowTable::begin_tick()
{
    for (auto &[key, entry] : entries_) {
        entry.aggregate.tick_volume = {};
        entry.aggregate.tick_syn = 0;
    }
}

void OverflowTable::end_tick(TimeNs now)
{
    std::erase_if(entries_, [&](const auto &each) { return now - each.second.aggregate.last >= idle_.count(); });
}

void OverflowTable::drop_slot(std::uint8_t slot)
{
    std::erase_if(entries_, [&](const auto &each) {
        return each.first.slot == slot && each.first.level != FG_OVERFLOW_REST; /* which is of no interface */
    });
}

std::vector<OverflowAggregate> OverflowTable::active() const
{
    std::vector<OverflowAggregate> list;
    for (const auto &[key, entry] : entries_) {
        list.push_back(entry.aggregate);
        list.back().remotes = entry.remotes.estimate();
    }
    std::ranges::sort(list, std::greater(), [](const OverflowAggregate &each) { return each.volume.packets; });
    return list;
}

} // namespace flowguard
