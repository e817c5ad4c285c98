// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/overflow.h"
#include "flowguard/core/flow.h"
#include "flowguard/core/sketch.h"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace flowguard {

/// What one kind of target received (RX) or sent (TX) beyond what the flow table could tell apart.
struct OverflowAggregate {
    std::uint8_t slot = 0; ///< interface slot; of no interface for FG_OVERFLOW_REST
    fg_direction direction = FG_RX;
    fg_overflow_level level = FG_OVERFLOW_SERVICE;
    std::uint8_t kind = 0;     ///< fg_kind
    std::uint8_t proto = 0;    ///< IANA number
    std::uint16_t port = 0;    ///< of this side; ICMP: type; no IP: EtherType; 0 above FG_OVERFLOW_SERVICE
    IpAddress address;         ///< of this side
    Volume volume{};           ///< since `start`
    Volume dropped{};          ///< of these
    std::uint64_t syn = 0;     ///< of these: TCP segments with SYN and without ACK
    std::uint64_t remotes = 0; ///< distinct remote addresses, with those whose flows found a record; see Sketch
    TimeNs start = 0;
    TimeNs last = 0;
    Volume tick_volume{}; ///< in the latest tick
    std::uint64_t tick_syn = 0;
    RateWindow bits{};
    RateWindow packets{};
};

/// Joins the kernel's aggregates of all CPUs and ticks. Pure: times are arguments.
class OverflowTable {
  public:
    /// An aggregate that got nothing for `idle` ends.
    explicit OverflowTable(std::chrono::nanoseconds idle = std::chrono::seconds(60)) : idle_(idle) {}

    /// `now`: the tick's time. `clock`: that of the flow table.
    void add(const fg_overflow_entry &entry, fg_direction direction, TimeNs now, const RateClock &clock);
    /// A flow that found a record may be aimed at the same target: its remote address counts there, its packets do not.
    /// `hash_keys`: of the instance, see abi/hash.h.
    void note(const fg_flow_record &record, fg_direction direction, const HashKeys &hash_keys);
    bool empty() const { return entries_.empty(); }
    void begin_tick();
    void end_tick(TimeNs now);
    void drop_slot(std::uint8_t slot);
    /// The largest first, by packets.
    std::vector<OverflowAggregate> active() const;

  private:
    struct Key {
        Key(const fg_overflow_key &key, fg_direction direction);
        fg_direction direction;
        std::uint8_t slot;
        std::uint8_t level;
        std::uint8_t kind;
        std::uint8_t proto;
        std::uint16_t port;
        IpAddress address;
        auto operator<=>(const Key &) const = default;
    };
    struct Entry {
        OverflowAggregate aggregate;
        Sketch remotes;
    };
    /// Beyond it, the one that has been idle for longest goes: 8 KiB each.
    static constexpr std::size_t max_entries = 1024;

    void make_room();

    std::chrono::nanoseconds idle_;
    std::map<Key, Entry> entries_;
};

} // namespace flowguard
