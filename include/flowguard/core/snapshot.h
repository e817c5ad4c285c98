// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/overflow.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace flowguard {

/// Counts of one interface since attach, one direction. flows + overflow + non_ip == total when all is well.
struct DirectionTotals {
    Volume total;
    Volume dropped;
    Volume flows;
    Volume overflow;
    Volume non_ip;
    Rates bits;    ///< of total
    Rates packets; ///< of total
    Rates dropped_packets;
};

struct InterfaceStatus {
    std::string name;
    std::uint32_t ifindex = 0;
    std::uint8_t slot = 0;
    bool present = true;      ///< false while the device is gone
    std::string ingress_hook; ///< contract: xdp-native, xdp-generic, tcx, clsact, off
    std::string egress_hook;
    std::uint32_t ingress_program_id = 0;
    std::uint32_t egress_program_id = 0;
    bool tunnels = false; ///< the flow inside a tunnel is counted instead of the tunnel's own
    std::string note;     ///< why this hook was chosen, or what is wrong; empty when there is nothing to say
    DirectionTotals rx;
    DirectionTotals tx;
    std::map<std::string, std::uint64_t> losses; ///< named counters; zero ones are left out
};

/// What one tick saw; never changed after it was published.
struct Snapshot {
    std::uint64_t tick = 0;
    TimeNs time = 0;
    TimeNs daemon_since = 0;
    int daemon_pid = 0;
    unsigned tick_ms = 1000;
    std::uint64_t table_capacity = 0;         ///< kernel records per CPU, direction and epoch
    std::uint64_t kernel_memory_bytes = 0;    ///< of the maps, by the formula of docs/performance.md
    std::uint64_t kernel_memory_measured = 0; ///< as the kernel said when the daemon started; before 6.4 an estimate
    std::uint64_t blocks = 0;
    std::uint64_t flows_evicted = 0;   ///< since the daemon started: the flow table of user space was full
    std::vector<std::string> features; ///< for `status --verbose`: "tcx: yes (kernel 6.18)"
    std::vector<InterfaceStatus> interfaces;
    std::vector<Flow> flows;                 ///< active
    std::vector<OverflowAggregate> overflow; ///< what found no record in the last minute, the largest first
    std::shared_ptr<const std::vector<Flow>> ended;
    RateClock clock;                   ///< for Flow's rate windows
    std::set<IpAddress> own_addresses; ///< of this host, for FlowDirection
};

FlowDirection direction_of(const Flow &flow, const std::set<IpAddress> &own);

/// flows + overflow + non_ip over total, packets and bytes of both directions taken together; 1.0 when total is 0.
/// Exactly 1.0 only if every one of the four counts is equal.
double accounted(const InterfaceStatus &interface);

} // namespace flowguard
