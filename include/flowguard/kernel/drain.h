// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/clock.h"
#include "flowguard/core/flow.h"
#include "flowguard/kernel/maps.h"

#include <functional>

namespace flowguard {

/// Called for each record of an epoch, before it is cleared.
using RecordVisitor = std::function<void(const fg_flow_record &, fg_direction)>;

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
    explicit Drain(Maps &maps) : maps_(maps) {}

    /// To be called once before run(), also after a predecessor died.
    Result<void> recover(const RecordVisitor &visit);
    /// Ends the current epoch and reads it.
    Result<void> run(const RecordVisitor &visit);
    /// Sums since attach.
    const fg_ledger_entry &ledger(std::uint32_t slot, fg_direction direction) const;
    /// Forgets the sums of a slot, when another interface takes it.
    void reset_slot(std::uint32_t slot);

  private:
    void commit_half(std::uint32_t epoch, const RecordVisitor &visit);
    void sum_counters(std::uint32_t epoch, std::span<fg_ledger_entry> sums);
    void sum_records(std::uint32_t epoch, std::span<fg_ledger_entry> sums, const RecordVisitor &visit);
    void clear_half(std::uint32_t epoch);
    void clear_index(std::uint32_t epoch);
    std::span<fg_ledger_entry> ledger_copy(std::uint32_t copy) const;

    Maps &maps_;
    GracePeriod grace_;
};

} // namespace flowguard
