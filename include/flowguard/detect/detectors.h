// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/detector.h"

namespace flowguard {

extern const DetectorInfo brute_login;
extern const DetectorInfo c2_beacon;
extern const DetectorInfo dos_amplification;
extern const DetectorInfo dos_connection_flood;
extern const DetectorInfo dos_fragment_flood;
extern const DetectorInfo dos_icmp_flood;
extern const DetectorInfo dos_outbound;
extern const DetectorInfo dos_slow_connections;
extern const DetectorInfo dos_syn_flood;
extern const DetectorInfo dos_udp_flood;
extern const DetectorInfo dos_volume_spike;
extern const DetectorInfo exfil_dns_tunnel;
extern const DetectorInfo exfil_icmp_tunnel;
extern const DetectorInfo exfil_slow;
extern const DetectorInfo exfil_volume;
extern const DetectorInfo mix_protocol;
extern const DetectorInfo novelty_destination;
extern const DetectorInfo novelty_listener;
extern const DetectorInfo novelty_port;
extern const DetectorInfo reputation_blacklisted;
extern const DetectorInfo scan_host;
extern const DetectorInfo scan_port;

} // namespace flowguard
