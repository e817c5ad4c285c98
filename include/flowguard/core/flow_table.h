// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace flowguard {

struct FlowTableConfig {
    std::size_t max_flows = 1'000'000; ///< beyond it, half-open flows are evicted first, oldest first
    std::size_t max_ended = 10'000;    ///< ended flows kept for `flows --ended`
    std::chrono::seconds tcp_established_timeout{300};
    std::chrono::seconds idle_timeout{60};     ///< UDP, ICMP, others
    std::chrono::seconds closed_timeout{5};    ///< after FIN from both sides, or RST
    std::chrono::seconds new_timeout{20};      ///< TCP without an answer
    std::chrono::seconds active_timeout{1800}; ///< a flow older than this ends as `active` and goes on as a new one
};

struct FlowTableCounters {
    std::uint64_t created = 0;
    std::uint64_t ended = 0;
    std::uint64_t evicted = 0; ///< of these, lost before their time because max_flows was reached
};

/// Joins the kernel's one-directional records into biflows. Pure: times are arguments.
class FlowTable {
  public:
    /// `seed` keeps outsiders from choosing colliding flows.
    FlowTable(FlowTableConfig config, std::uint64_t seed, unsigned ticks_per_second = 1);
    ~FlowTable();
    FlowTable(FlowTable &&) noexcept;
    FlowTable &operator=(FlowTable &&) noexcept;

    /// Begins a tick; the records that follow were counted within `seconds` (> 0). `go_on`: changes() and just_ended()
    /// keep what they have and go on collecting, so that several short ticks can be looked at as one.
    void begin_tick(double seconds, bool go_on = false);
    /// Adds one drained record. `first` and `last` are its times as realtime. Non-IP kinds are ignored.
    void add(const fg_flow_record &record, fg_direction direction, TimeNs first, TimeNs last);
    /// Ends the tick: moves flows that are over or timed out to ended().
    void end_tick(TimeNs now);
    /// What the records of the tick that ended last changed, each flow once, in order of first record. Valid until the
    /// next begin_tick(), as just_ended() is.
    const std::vector<FlowDelta> &changes() const;
    /// Flows that ended with the tick: timed out or closed, or, with FlowReason::Active, the part up to here of a flow that
    /// goes on. Those that were evicted to make room are not among them.
    /// Valid until the next begin_tick().
    const std::vector<const Flow *> &just_ended() const;
    /// Ends all flows of an interface that is detached.
    void drop_slot(std::uint8_t slot);

    /// The keys under which the kernel counts flows that are established, both directions of each. Of ICMP, the request
    /// alone.
    void visit_established(const std::function<void(const fg_flow_key &)> &visit) const;

    std::size_t size() const;
    const FlowTableCounters &counters() const;
    const RateClock &clock() const;
    /// Copies of all active flows, in no order.
    std::vector<Flow> active() const;
    /// Ended flows, oldest first.
    const std::deque<Flow> &ended() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace flowguard
