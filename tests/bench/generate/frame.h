// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generate.h"

#include "flowguard/core/error.h"
#include "flowguard/core/ip_address.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace flowguard::bench {

using MacAddress = std::array<std::uint8_t, 6>;

/// Source addresses: the first `length` bits of `base` are fixed, up to 32 of the others vary.
struct SourcePrefix {
    IpAddress base;
    unsigned length = 0;

    unsigned host_bits() const;
};

struct FrameOptions {
    MacAddress source_mac{};
    MacAddress destination_mac{};
    SourcePrefix source;
    IpAddress destination;
    std::uint16_t destination_port = 0;
    bool tcp_syn = false; ///< else UDP
    unsigned size = 0;    ///< bytes with the Ethernet header
};

/// `ADDRESS` or `ADDRESS/LENGTH`.
Result<SourcePrefix> parse_prefix(std::string_view text);
Result<MacAddress> parse_mac(std::string_view text);

/// The shortest frame that the generator makes.
unsigned min_frame_size(bool ipv6, bool tcp_syn);

/// All of the frame but what differs from flow to flow. The payload is zeros.
fg_frame make_frame(const FrameOptions &options);

} // namespace flowguard::bench
