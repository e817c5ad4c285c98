// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/core/ip_address.h"
#include "flowguard/core/rates.h"

#include <algorithm>
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

/// What one side sent beyond its volume.
struct Sent {
    fg_tcp_counts tcp{};
    std::uint32_t min_length = 0; ///< L2 bytes of a packet; 0 before the first
    std::uint32_t max_length = 0;

    Sent &operator+=(const Sent &other)
    {
        tcp.syn += other.tcp.syn;
        tcp.syn_ack += other.tcp.syn_ack;
        tcp.fin += other.tcp.fin;
        tcp.rst += other.tcp.rst;
        min_length = min_length == 0 ? other.min_length : std::min(min_length, other.min_length);
        max_length = std::max(max_length, other.max_length);
        return *this;
    }
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
    bool continued = false; ///< goes on where an earlier flow ended by the active timeout
    Sent client_sent;
    Sent server_sent;
    bool connected = false;           ///< TCP: the client sent a SYN and more; of all parts, as the next two
    std::uint32_t client_longest = 0; ///< L2 bytes of a packet
    std::uint32_t server_longest = 0;
    bool client_received = false; ///< the first packet seen came in (RX) from the client; else it went out (TX)
    RateWindow bits_to_server;
    RateWindow bits_to_client;
    RateWindow packets_both;
};

/// What a flow did in one tick.
struct FlowDelta {
    const Flow *flow = nullptr; ///< as it is at the tick's end
    Volume to_server;
    Volume to_client;
    Sent client_sent;
    Sent server_sent;
    TimeNs client_first = 0;                 ///< of this tick's packets to the server; 0: there were none
    TimeNs server_first = 0;                 ///< of those to the client
    TimeNs last = 0;                         ///< of either
    bool begun = false;                      ///< the flow's first tick
    bool was_connected = false;              ///< Flow::connected before this tick
    std::uint32_t server_longest_before = 0; ///< Flow::server_longest before this tick
};

} // namespace flowguard
