// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/statistics.h"

#include "flowguard/abi/parser.h"
#include "flowguard/capture/link.h"
#include "flowguard/core/biflow.h"
#include "flowguard/core/protocols.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

constexpr std::uint32_t opaque_kind = 0xff;

bool is_ip(const fg_flow_key &key) { return key.kind == FG_KIND_IPV4 || key.kind == FG_KIND_IPV6; }

/// What tells frames without IP apart: fg_kind, and an EtherType or a link type.
std::uint32_t number_of(const fg_flow_key &key)
{
    return is_opaque(key) ? opaque_kind << 16 | key.dport : static_cast<std::uint32_t>(key.kind << 16 | key.sport);
}

std::string name_of(std::uint32_t number)
{
    const auto type = static_cast<std::uint16_t>(number & 0xffff);
    switch (number >> 16) {
    case opaque_kind:
        return fmt::format("not parsed ({})", link_type_name(type));
    case FG_KIND_MALFORMED:
        return type == FG_ETHER_IPV6 ? "malformed IPv6" : "malformed IPv4";
    default:
        return ether_type_name(type);
    }
}

} // namespace

std::string ether_type_name(std::uint16_t ether_type)
{
    struct Name {
        std::uint16_t type;
        const char *name;
    };
    constexpr std::array names{
        Name{FG_ETHER_LLC, "LLC"}, Name{0x0806, "ARP"},      Name{0x8035, "RARP"},   Name{0x8100, "VLAN"},
        Name{0x8137, "IPX"},       Name{0x8808, "PAUSE"},    Name{0x8809, "LACP"},   Name{0x8847, "MPLS"},
        Name{0x8848, "MPLS"},      Name{0x8863, "PPPoED"},   Name{0x8864, "PPPoE"},  Name{0x888e, "EAPOL"},
        Name{0x8892, "PROFINET"},  Name{0x88a4, "EtherCAT"}, Name{0x88a8, "QinQ"},   Name{0x88b8, "GOOSE"},
        Name{0x88cc, "LLDP"},      Name{0x88e1, "HomePlug"}, Name{0x88e5, "MACsec"}, Name{0x88e7, "PBB"},
        Name{0x88f7, "PTP"},       Name{0x8906, "FCoE"},     Name{0x8926, "VN-Tag"}, Name{0x893f, "E-Tag"},
        Name{0x894f, "NSH"},       Name{0x9000, "Loopback"}, Name{0x9100, "QinQ"},
    };
    const auto *const found = std::ranges::find(names, ether_type, &Name::type);
    return found == names.end() ? fmt::format("0x{:04x}", ether_type) : found->name;
}

std::uint16_t service_port(const Flow &flow)
{
    constexpr std::uint16_t well_known = 1024;
    constexpr std::uint16_t ephemeral = 32768; /* Linux; IANA's begin higher */
    const FlowKey &key = flow.key;
    const bool begin_seen = key.proto == FG_PROTO_TCP && (flow.tcp_flags_to_server & FG_TCP_SYN);
    const bool client_is_lower = key.client_port < well_known
                                     ? key.server_port >= well_known
                                     : key.client_port < ephemeral && key.server_port >= ephemeral;
    return !begin_seen && client_is_lower ? key.client_port : key.server_port;
}

ProtocolSums &TrafficStatistics::protocol(const fg_flow_key &key)
{
    return is_ip(key) ? over_ip_.at(key.kind == FG_KIND_IPV6).at(key.proto) : without_ip_[number_of(key)];
}

void TrafficStatistics::add(const fg_flow_record &record, TimeNs first, TimeNs last)
{
    const Volume volume{record.packets, record.bytes};
    protocol(record.key).volume += volume;
    if (!is_ip(record.key))
        return;
    const IpAddress source(record.key.src);
    const IpAddress target(record.key.dst);
    EndpointSums &sender = endpoints_.at(source);
    sender.volume += volume;
    sender.sent += volume;
    EndpointSums &receiver = endpoints_.at(target);
    if (target != source)
        receiver.volume += volume;
    receiver.received += volume;
    ConversationSums &conversation = conversations_.at({std::min(source, target), std::max(source, target)});
    conversation.first = conversation.volume.packets == 0 ? first : std::min(conversation.first, first);
    conversation.last = std::max(conversation.last, last);
    conversation.volume += volume;
    if (source <= target)
        conversation.from_a += volume;
}

void TrafficStatistics::add(const FlowDelta &delta)
{
    const Flow &flow = *delta.flow;
    const FlowKey &key = flow.key;
    if (delta.begun) {
        flows_++;
        over_ip_.at(key.kind == FG_KIND_IPV6).at(key.proto).flows++;
        if (ConversationSums *conversation = conversations_.find(
                {std::min(key.client, key.server), std::max(key.client, key.server)}))
            conversation->flows++; /* else it was forgotten within this tick */
    }
    if (!has_ports(key.proto) || (key.flags & FG_KEY_NO_PORTS))
        return;
    const std::uint16_t port = service_port(flow);
    ServiceSums &service = services_.at({key.proto, port});
    service.volume += delta.to_server + delta.to_client;
    if (delta.begun) {
        service.flows++;
        service.clients.note(port == key.server_port ? key.client : key.server);
    }
}

std::vector<TrafficStatistics::ProtocolRow> TrafficStatistics::protocols() const
{
    std::vector<ProtocolRow> rows;
    for (std::size_t version = 0; version < over_ip_.size(); version++)
        for (std::size_t proto = 0; proto < over_ip_.at(version).size(); proto++)
            if (const ProtocolSums &sums = over_ip_.at(version).at(proto); sums.volume.packets != 0)
                rows.push_back({version ? "IPv6" : "IPv4", protocol_name(static_cast<std::uint8_t>(proto)), sums});
    for (const auto &[number, sums] : without_ip_)
        rows.push_back({"", name_of(number), sums});
    std::ranges::stable_sort(
        rows, [](const ProtocolRow &a, const ProtocolRow &b) { return a.sums.volume.bytes > b.sums.volume.bytes; });
    return rows;
}

std::map<IpAddress, std::uint64_t> TrafficStatistics::peers() const
{
    std::map<IpAddress, std::uint64_t> peers;
    for (const auto &[pair, sums] : conversations_.rows()) {
        peers[pair.a]++;
        if (pair.a != pair.b)
            peers[pair.b]++;
    }
    return peers;
}

std::map<std::string, std::uint64_t> TrafficStatistics::losses() const
{
    return {{"endpoints_forgotten", endpoints_.forgotten()},
            {"conversations_forgotten", conversations_.forgotten()},
            {"services_forgotten", services_.forgotten()}};
}

} // namespace flowguard
