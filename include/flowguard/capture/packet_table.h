// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/core/flow.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flowguard {

/*
 * Counts packets per flow and tick as the kernel does on the wire: records in order of first sight, and a small index
 * that points to them. Packets are added some at a time, so that memory is fetched for all of them at once.
 */
class PacketTable {
  public:
    /// With so many records it is full: the tick should end. Packets are still added until it does.
    explicit PacketTable(std::size_t most_records = 1 << 18);

    /// `length`: L2 bytes on the wire.
    void add(const fg_packet &packet, std::uint32_t length, TimeNs time);
    bool full() const { return records_.size() >= most_records_; }

    /// Visits the records of the tick as (record, first, last) in order of first sight, and empties the table.
    template <class Visit> void drain(Visit visit)
    {
        count_waiting();
        for (Record &entry : records_) {
            index_[entry.record.index_position] = {};
            visit(static_cast<const fg_flow_record &>(entry.record), entry.first, entry.last);
        }
        records_.clear();
    }

  private:
    struct Record {
        fg_flow_record record{};
        TimeNs first = 0;
        TimeNs last = 0;
    };
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t number = 0; ///< of the record, from 1; 0: empty
    };
    struct Waiting {
        fg_packet packet;
        std::uint64_t hash;
        TimeNs time;
        std::uint32_t length;
        std::uint32_t record;
    };
    static constexpr std::size_t batch = 32;

    void count_waiting();
    void prefetch_candidate(std::uint64_t hash) const;
    std::uint32_t find_or_make(const Waiting &each);
    static void count(Record &entry, const Waiting &each);
    void grow_index();

    std::size_t most_records_;
    std::vector<Record> records_;
    std::vector<Slot> index_; ///< a power of two, at most half full
    std::array<Waiting, batch> waiting_{};
    std::size_t waiting_count_ = 0;
};

} // namespace flowguard
