// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/catalogue.h"

#include "flowguard/detect/detectors.h"

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

constexpr std::array all{
    &brute_login,      &c2_beacon,           &dos_amplification,    &dos_connection_flood, &dos_fragment_flood,
    &dos_icmp_flood,   &dos_outbound,        &dos_slow_connections, &dos_syn_flood,        &dos_udp_flood,
    &dos_volume_spike, &exfil_dns_tunnel,    &exfil_icmp_tunnel,    &exfil_slow,           &exfil_volume,
    &mix_protocol,     &novelty_destination, &novelty_listener,     &novelty_port,         &reputation_blacklisted,
    &scan_host,        &scan_port,
};

} // namespace

std::span<const DetectorInfo *const> catalogue() { return all; }

const DetectorInfo *find_detector(std::string_view id)
{
    const auto found = std::ranges::find(all, id, &DetectorInfo::id);
    return found == all.end() ? nullptr : *found;
}

} // namespace flowguard
