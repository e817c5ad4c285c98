// SPDX-License-Identifier: Apache-2.0
/* The second opinion: what the kernel program should count, kept in a plain std::map. */
#pragma once

#include "capture.h"

#include "flowguard/abi/flow.h"
#include "flowguard/abi/parser.h"

#include <cstdint>
#include <cstring>
#include <map>

namespace flowguard::test {

struct KeyOrder {
    bool operator()(const fg_flow_key &a, const fg_flow_key &b) const { return std::memcmp(&a, &b, sizeof a) < 0; }
};

/// The user-space build of the parser; the only place here that knows its interface.
fg_packet parse_frame(std::span<const std::uint8_t> frame, fg_link link, std::uint8_t slot = 0);

struct FlowSum {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;      ///< as captured: what the kernel was given
    std::uint64_t wire_bytes = 0; ///< before the capture cut them
    fg_tcp_counts tcp{};
    std::uint32_t min_length = ~0U;
    std::uint32_t max_length = 0;
    std::uint8_t tcp_flags = 0;
    std::uint8_t ttl = 0;

    void add(const fg_packet &packet, const Frame &frame);
};

using FlowSums = std::map<fg_flow_key, FlowSum, KeyOrder>;

} // namespace flowguard::test
