// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/clock.h"
#include "flowguard/core/flow.h"
#include "flowguard/kernel/maps.h"

#include <functional>

namespace flowguard {

/// Called for each overflow aggregate of an epoch, then for each record, before they are cleared.
using RecordVisitor = std::function<void(const fg_flow_record &, fg_direction)>;
using OverflowVisitor = std::function<void(const fg_overflow_entry &, fg_direction)>;

/// Waits until every program that may have read the old epoch has left.
class GracePeriod {
  public:
    GracePeriod();
    Result<void> wait();

  private:
    bool membarrier_ = false;
    Fd inner_; ///< for kernels without a global membarrier: updating an array of maps waits as well
    Fd outer_;
};

/// Reads what the kernel counted, epoch by epoch, and keeps the sums since attach in the pinned ledger.
///
/// Nothing is lost or counted twice if the process dies at any point: the ledger has two copies, a single store to
/// fg_control.committed makes the new one valid, and recover() finishes what was begun.
class Drain {
  public:
    explicit Drain(Maps &maps) : maps_(maps), windows_(maps.tables()) {}

    /// To be called once before run(), also after a predecessor died.
    Result<void> recover(const RecordVisitor &visit, const OverflowVisitor &visit_overflow = {});
    /// Ends the current epoch and reads it.
    Result<void> run(const RecordVisitor &visit, const OverflowVisitor &visit_overflow = {});
    /// Sums since attach.
    const fg_ledger_entry &ledger(std::uint32_t slot, fg_direction direction) const;
    /// Forgets the sums of a slot, when another interface takes it.
    void reset_slot(std::uint32_t slot);

  private:
    Result<void> commit_half(std::uint32_t epoch, const RecordVisitor &visit, const OverflowVisitor &visit_overflow);
    std::vector<std::uint32_t> tables_of(std::uint32_t epoch) const;
    using Records = std::span<const fg_flow_record>;
    Result<std::vector<Records>> map_records(std::uint32_t epoch);
    void visit_aggregates(std::uint32_t epoch, const OverflowVisitor &visit) const;
    void sum_counters(std::uint32_t epoch, std::span<fg_ledger_entry> sums);
    void clear_half(std::uint32_t epoch);
    void clear_entries(std::uint32_t table, Records records);
    void clear_index(std::uint32_t table);
    std::span<fg_overflow_entry> overflow_of(std::uint32_t table) const;
    std::span<fg_ledger_entry> ledger_copy(std::uint32_t copy) const;

    Maps &maps_;
    std::vector<RecordWindow> windows_; ///< by table
    GracePeriod grace_;
};

} // namespace flowguard
