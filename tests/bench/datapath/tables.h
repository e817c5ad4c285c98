// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure.h"

namespace flowguard::bench {

/// Where finished lines go; returns after each case, so that something is to be seen meanwhile.
using PacketSink = std::function<void(const std::vector<PacketCost> &)>;

/// Flow counting: packets of N flows, of new flows, and when there is no room.
Result<void> run_flows(Driver &driver, const Settings &settings, const PacketSink &sink);
/// Policy: packets that are and are not from a blocked host.
Result<void> run_blocklist(Driver &driver, const Settings &settings, const PacketSink &sink);

/// Policy: packets beside so many rules that none of them matches.
Result<void> run_rules(Driver &driver, const Settings &settings, const PacketSink &sink);

/// What user space pays to read a table of flows, each round.
struct DrainCost {
    std::string name;
    std::string subject;
    std::string unavailable;
    std::uint64_t flows = 0;
    std::vector<double> cpu_ms;
    std::vector<double> wall_ms;
};
using DrainSink = std::function<void(const std::vector<DrainCost> &)>;
Result<void> run_drain(Driver &driver, const Settings &settings, const DrainSink &sink);

struct MemoryCost {
    std::string subject;
    std::string unavailable;
    std::uint64_t capacity = 0;
    double bytes_per_flow = 0;
};
std::vector<MemoryCost> measure_memory();

/// A flow counter on a map of each type that the kernel offers.
std::vector<Contender> peer_contenders(std::uint64_t flows);

} // namespace flowguard::bench
