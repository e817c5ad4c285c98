// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/detect/distinct.h"
#include "flowguard/detect/hash.h"
#include "flowguard/detect/tick_map.h"

#include <array>
#include <span>
#include <string_view>

namespace flowguard {

/// A service of a host: who answers there.
struct Service {
    IpAddress address;
    std::uint16_t port = 0;
    std::uint16_t proto = 0; ///< IANA number; 16 bits, so that there is no padding

    auto operator<=>(const Service &) const = default;
};

/// What clients did to one service in a tick. ICMP has port 0.
struct ServiceCounts {
    Volume in;                   ///< from clients
    Volume out;                  ///< to clients
    std::uint64_t flows = 0;     ///< that had packets
    std::uint64_t begun = 0;     ///< of these: in their first tick
    std::uint64_t syn = 0;       ///< from clients
    std::uint64_t syn_ack = 0;   ///< from the service
    std::uint64_t rst_out = 0;   ///< from the service
    std::uint64_t fragments = 0; ///< packets from clients: fragments after the first
    /// Flows in which the service has sent nothing so far; of TCP, nothing but resets. No fragments.
    Volume unanswered;
    std::uint64_t unanswered_flows = 0;
    std::uint64_t half_open = 0;     ///< TCP: clients that sent a SYN, and nothing beyond SYNs and resets so far
    std::uint64_t half_open_syn = 0; ///< the SYNs of these
    std::uint64_t completed = 0;     ///< TCP: begun with a SYN, and both sides went on
    std::uint64_t unserved = 0;      ///< TCP: begun, the client went on, and the service sent no data
    std::uint64_t stray = 0;         ///< TCP: begun without a SYN, and not answered
    Distinct clients;
};

/// Protocols as a host's mix counts them.
enum class ProtocolClass : std::uint8_t { Tcp, Udp, Icmp, Other };
constexpr std::size_t protocol_classes = 4;
ProtocolClass protocol_class(std::uint8_t proto);

/// What a host received and sent in a tick, whoever began the flows.
struct HostCounts {
    Volume received;
    Volume sent;
    std::uint64_t begun_by = 0;                          ///< flows whose client it is, in their first tick
    std::uint64_t begun_to = 0;                          ///< flows whose server it is
    std::array<std::uint64_t, protocol_classes> bytes{}; ///< both directions, by ProtocolClass

    /* As the server of flows, whatever the port: */
    Volume udp_unanswered;          ///< it has sent nothing in these flows so far
    std::uint64_t udp_answered = 0; ///< packets that it got in the others
    Volume reflected;               ///< of udp_unanswered: from ports of services that reflect
    std::uint64_t half_open_syn = 0;
    std::uint64_t completed = 0;
    std::uint64_t stray = 0;
    std::uint64_t fragments = 0; ///< packets: fragments after the first
    std::uint64_t other = 0;     ///< packets that are neither TCP nor UDP
};

/// Bytes of the longest frame without data on a TCP flow: Ethernet, one VLAN tag, IP, and TCP with the options of a SYN-ACK.
std::uint32_t longest_without_data(const Flow &flow);

/// Services over UDP that answer anybody with more than they were asked, so that a forged question makes them flood.
bool reflects(std::uint16_t port);
/// Their name; empty if it is none.
std::string_view reflector_name(std::uint16_t port);

/// Sums of one tick. Hosts and services beyond the caps are counted as refused and are in the totals alone.
class TickMetrics {
  public:
    TickMetrics();
    /// Replaces what the last tick left.
    void count(std::span<const FlowDelta> flows);

    using Services = TickMap<Service, ServiceCounts, BytesHash>;
    using Hosts = TickMap<IpAddress, HostCounts, BytesHash>;
    const Services &services() const { return services_; }
    const Hosts &hosts() const { return hosts_; }
    std::uint64_t begun() const { return begun_; }

    static constexpr std::size_t max_services = 16'384;
    static constexpr std::size_t max_hosts = 65'536;

  private:
    void count(const FlowDelta &delta);

    Services services_;
    Hosts hosts_;
    std::uint64_t begun_ = 0;
};

} // namespace flowguard
