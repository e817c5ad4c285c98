// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/core/ip_address.h"
#include "flowguard/core/rates.h"

#include <array>
#include <cstdint>

namespace flowguard {

/// Nanoseconds since 1970 (CLOCK_REALTIME).
using TimeNs = std::int64_t;

struct Volume {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0; ///< L2 bytes

    Volume &operator+=(const Volume &other)
    {
        packets += other.packets;
        bytes += other.bytes;
        return *this;
    }
    friend Volume operator+(Volume a, const Volume &b) { return a += b; }
    bool operator==(const Volume &) const = default;
};

enum class FlowState : std::uint8_t { New, Established, Closed };
enum class FlowReason : std::uint8_t { Active, Timeout, Fin, Rst, Evicted };
enum class FlowDirection : std::uint8_t { In, Out, Forwarded };

/// A connection or exchange, both directions. `client` sent the first SYN, or else the first packet.
/// For ICMP the ports hold the client's type and code.
struct FlowKey {
    IpAddress client;
    IpAddress server;
    std::uint16_t client_port = 0;
    std::uint16_t server_port = 0;
    std::array<std::uint16_t, 2> vlan{};
    std::uint8_t proto = 0;
    std::uint8_t kind = 0;  ///< fg_kind; FG_KIND_IPV4 or FG_KIND_IPV6
    std::uint8_t flags = 0; ///< fg_key_flags
    std::uint8_t slot = 0;  ///< interface slot

    bool operator==(const FlowKey &) const = default;
};

struct Flow {
    std::uint64_t id = 0; ///< unique in this process, positive as int64
    FlowKey key;
    Volume to_server;
    Volume to_client;
    Volume dropped; ///< of these, dropped by policy, both directions
    TimeNs start = 0;
    TimeNs last = 0;
    std::uint8_t tcp_flags_to_server = 0;
    std::uint8_t tcp_flags_to_client = 0;
    FlowState state = FlowState::New;
    FlowReason reason = FlowReason::Active;
    bool client_received = false; ///< the first packet seen came in (RX) from the client; else it went out (TX)
    RateWindow bits_to_server;
    RateWindow bits_to_client;
    RateWindow packets_both;
};

} // namespace flowguard
