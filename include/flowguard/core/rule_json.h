// SPDX-License-Identifier: Apache-2.0
/* Rules as the API and the command line say them. */
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/core/rule_match.h"

#include <string>

namespace flowguard {

/// Has the request a condition beside target, direction, time and reason? A block without is one of the blocklist.
bool has_conditions(const Json &request);

/// A rule from
///   action: "allow", "block", "limit"; target: address, prefix or "any"; directions: "in", "out", "both";
///   proto, port, source_port: "443" or "1000-2000", icmp_type: "8" or "3/1", tcp_flags: "SYN,ACK/SYN" (looked at / set) or
///   "SYN", min_length, max_length: L2 bytes, interface, priority, reason;
///   of a limit: rate: "10/s", "600/min", "10Mbit/s", "1MB/s"; burst, per: "source" or "total", new_connections: true;
///   service: "tcp/22" for proto and port.
/// An error says which of them is wrong and how it is written, with ExitCode::Usage. Without id, uid and times.
Result<fg_rule> parse_rule(const Json &request);

/// An address, a prefix, "0.0.0.0/0", "::/0" or "any".
std::string describe_target(const fg_match &match);
/// "in tcp from 192.0.2.0/24 to port 22 on eth0": what a packet must be; "any packet" if it may be anything.
std::string describe_match(const fg_match &match);
/// "allow", "block", "limit to 10/s (burst 20) per source".
std::string describe_action(const fg_rule &rule);

/// With what it counted; times are of the caller's clocks.
Json rule_to_json(const fg_rule &rule, std::uint64_t boot_ns, std::uint64_t monotonic_ns, TimeNs now);

} // namespace flowguard
