// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/sums.h"
#include "flowguard/core/flow.h"
#include "flowguard/detect/distinct.h"

#include <array>
#include <compare>
#include <map>
#include <string>
#include <vector>

namespace flowguard {

struct EndpointSums {
    Volume volume; ///< both directions
    Volume sent;
    Volume received;
};

/// Two addresses in ascending order.
struct Pair {
    IpAddress a;
    IpAddress b;
    auto operator<=>(const Pair &) const = default;
};

struct ConversationSums {
    Volume volume; ///< both directions
    Volume from_a;
    std::uint64_t flows = 0;
    TimeNs first = 0;
    TimeNs last = 0;
};

struct ServicePort {
    std::uint16_t proto = 0; ///< IANA number; 16 bits, so that there is no padding
    std::uint16_t port = 0;
    auto operator<=>(const ServicePort &) const = default;
};

struct ServiceSums {
    Volume volume; ///< both directions
    std::uint64_t flows = 0;
    Distinct clients;
};

struct ProtocolSums {
    Volume volume;
    std::uint64_t flows = 0;
};

/// What Wireshark's statistics tell of a capture, in bounded memory.
class TrafficStatistics {
  public:
    /// What one direction of a flow did in a tick. Frames that are not IP, too.
    void add(const fg_flow_record &record, TimeNs first, TimeNs last);
    /// What a flow did in a tick, both directions.
    void add(const FlowDelta &delta);

    /// A protocol over IPv4, IPv6 or a link.
    struct ProtocolRow {
        std::string network; ///< "IPv4", "IPv6"; empty: no IP
        std::string name;
        ProtocolSums sums;
    };
    /// The most bytes first.
    std::vector<ProtocolRow> protocols() const;
    std::vector<std::pair<IpAddress, const EndpointSums *>> endpoints() const { return endpoints_.rows(); }
    /// Of each address: how many others it has conversations with.
    std::map<IpAddress, std::uint64_t> peers() const;
    std::vector<std::pair<Pair, const ConversationSums *>> conversations() const { return conversations_.rows(); }
    std::vector<std::pair<ServicePort, const ServiceSums *>> services() const { return services_.rows(); }
    std::uint64_t flows() const { return flows_; }
    /// By name: what memory had no room for.
    std::map<std::string, std::uint64_t> losses() const;

    static constexpr std::size_t most_addresses = 100'000;
    static constexpr std::size_t most_services = 4'096;

  private:
    ProtocolSums &protocol(const fg_flow_key &key);

    std::array<std::array<ProtocolSums, 256>, 2> over_ip_{}; ///< version 4 and 6, by IANA number
    std::map<std::uint32_t, ProtocolSums> without_ip_;       ///< by kind, EtherType or link type, see protocol()
    Sums<IpAddress, EndpointSums> endpoints_{most_addresses};
    Sums<Pair, ConversationSums> conversations_{most_addresses};
    Sums<ServicePort, ServiceSums> services_{most_services};
    std::uint64_t flows_ = 0;
};

/// "ARP", "LLDP", or "0x88b5".
std::string ether_type_name(std::uint16_t ether_type);
/// The port that stands for the service: the server's, unless nobody saw the connection begin and the other one is
/// the lower, well-known one.
std::uint16_t service_port(const Flow &flow);

} // namespace flowguard
