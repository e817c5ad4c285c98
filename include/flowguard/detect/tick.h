// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/overflow.h"
#include "flowguard/detect/baselines.h"
#include "flowguard/detect/dns.h"
#include "flowguard/detect/incidents.h"
#include "flowguard/detect/locality.h"
#include "flowguard/detect/metrics.h"
#include "flowguard/detect/names.h"
#include "flowguard/detect/reputation.h"

#include <span>

namespace flowguard {

/// All that detectors see of one tick. Everything is valid during the tick only.
struct Tick {
    TimeNs begin = 0; ///< the end of the tick before, see begin_of_tick()
    TimeNs end = 0;
    std::span<const FlowDelta> flows;            ///< that had packets in this tick
    std::span<const Flow *const> ended;          ///< that timed out or were closed
    std::span<const OverflowAggregate> overflow; ///< see tick_volume: of flows that the kernel had no room for
    std::span<const DnsMessage> dns;             ///< sampled
    const TickMetrics &metrics;                  ///< sums of `flows`
    const Locality &locality;                    ///< which addresses are ours
    const Baselines &baselines;                  ///< forecasts, before this tick is learnt
    const Names &names;                          ///< of addresses, as seen in DNS
    const Reputation &reputation;                ///< blacklists
    const IncidentTracker &incidents;            ///< what is open, for hysteresis

    /// At least the usual length of a tick, so that a capture of milliseconds makes no rates of millions.
    double seconds() const { return std::max(1.0, static_cast<double>(end - begin) / 1e9); }
};

/// Where a tick begins that ends at `end` of the wall clock and took `elapsed` seconds of a steady one: where the last one
/// ended, because rules ask for consecutive ticks, and two clocks never agree to the nanosecond. If the wall clock was set
/// meanwhile, `elapsed` before the end.
TimeNs begin_of_tick(TimeNs previous_end, TimeNs end, double elapsed);

} // namespace flowguard
