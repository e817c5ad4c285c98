// SPDX-License-Identifier: Apache-2.0
/* The second opinion: what the kernel programs should count, kept in a plain std::map by the user-space parser. */
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/abi/parser.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace flowguard::test {

/// The user-space build of the parser, as the kernel programs use it: with `tunnels`, as many levels as they take off.
/// For these tests the only place that knows its interface.
fg_packet parse_frame(std::span<const std::uint8_t> frame, fg_link link, std::uint8_t slot = 0, bool tunnels = false);

struct FlowSum {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;      ///< as captured: what the kernel was given
    std::uint64_t wire_bytes = 0; ///< before the capture cut them
    fg_tcp_counts tcp{};
    std::uint32_t min_length = ~0U;
    std::uint32_t max_length = 0;
    std::uint8_t tcp_flags = 0;
    std::uint8_t ttl = 0; ///< of the latest packet: one CPU's records alone have an order

    static FlowSum of(const fg_flow_record &record);
    void add(const fg_packet &packet, std::uint32_t length, std::uint32_t wire_length);
};

struct KeyOrder {
    bool operator()(const fg_flow_key &a, const fg_flow_key &b) const { return std::memcmp(&a, &b, sizeof a) < 0; }
};
using FlowSums = std::map<fg_flow_key, FlowSum, KeyOrder>;

std::string describe(const fg_flow_key &key);
/// One sentence for each key whose counters differ or that one side has alone.
std::vector<std::string> differences(const FlowSums &kernel, const FlowSums &expected);

/// From now on this thread fills the tables of one CPU.
void stay_on_this_cpu();

} // namespace flowguard::test
