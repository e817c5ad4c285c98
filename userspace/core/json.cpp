// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/json.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"
#include "flowguard/core/community_id.h"
#include "flowguard/core/protocols.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace flowguard {
namespace {

std::string_view reason_name(FlowReason reason)
{
    constexpr std::array<std::string_view, 5> names{"active", "timeout", "fin", "rst", "evicted"};
    return names.at(static_cast<std::size_t>(reason));
}

std::string interface_name(const Snapshot &snapshot, std::uint8_t slot)
{
    for (const InterfaceStatus &interface : snapshot.interfaces)
        if (interface.slot == slot)
            return interface.name;
    return "";
}

std::string hex_flags(std::uint8_t flags) { return fmt::format("{:02x}", flags); }

Json tcp_to_json(const Flow &flow)
{
    const unsigned both = flow.tcp_flags_to_server | flow.tcp_flags_to_client;
    return {{"tcp_flags_ts", hex_flags(flow.tcp_flags_to_server)},
            {"tcp_flags_tc", hex_flags(flow.tcp_flags_to_client)},
            {"syn", (both & FG_TCP_SYN) != 0},
            {"fin", (both & FG_TCP_FIN) != 0},
            {"rst", (both & FG_TCP_RST) != 0}};
}

Json volume_to_json(const DirectionTotals &side)
{
    return {{"packets", side.total.packets},
            {"bytes", side.total.bytes},
            {"dropped_packets", side.dropped.packets},
            {"dropped_bytes", side.dropped.bytes}};
}

Json both_to_json(const Volume &rx, const Volume &tx)
{
    return {{"rx_packets", rx.packets}, {"rx_bytes", rx.bytes}, {"tx_packets", tx.packets}, {"tx_bytes", tx.bytes}};
}

Json hook_to_json(const std::string &hook, std::uint32_t program_id)
{
    Json json{{"hook", hook}};
    if (hook != "off")
        json["program_id"] = program_id;
    return json;
}

Json interface_to_json(const InterfaceStatus &interface)
{
    Json json{{"name", interface.name},
              {"ifindex", interface.ifindex},
              {"present", interface.present},
              {"ingress", hook_to_json(interface.ingress_hook, interface.ingress_program_id)},
              {"egress", hook_to_json(interface.egress_hook, interface.egress_program_id)},
              {"tunnels", interface.tunnels},
              {"rx", volume_to_json(interface.rx)},
              {"tx", volume_to_json(interface.tx)},
              {"flows", both_to_json(interface.rx.flows, interface.tx.flows)},
              {"overflow", both_to_json(interface.rx.overflow, interface.tx.overflow)},
              {"non_ip", both_to_json(interface.rx.non_ip, interface.tx.non_ip)},
              {"accounted", accounted(interface)},
              {"losses", Json::object()}};
    for (const auto &[name, count] : interface.losses)
        json["losses"][name] = count;
    if (!interface.note.empty())
        json["note"] = interface.note;
    return json;
}

} // namespace

std::string format_time(TimeNs time)
{
    using namespace std::chrono;
    const sys_time<microseconds> moment{floor<microseconds>(nanoseconds(time))};
    const auto second = floor<seconds>(moment);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(second.time_since_epoch().count()),
                       (moment - second).count());
}

Json rates_to_json(const Rates &rates)
{
    return {{"2s", rates.over_2s}, {"10s", rates.over_10s}, {"40s", rates.over_40s}};
}

std::string_view state_name(FlowState state)
{
    constexpr std::array<std::string_view, 3> names{"new", "established", "closed"};
    return names.at(static_cast<std::size_t>(state));
}

std::string_view direction_name(FlowDirection direction)
{
    constexpr std::array<std::string_view, 3> names{"in", "out", "forwarded"};
    return names.at(static_cast<std::size_t>(direction));
}

void put_flow_names(Json &json, const FlowKey &key)
{
    if (key.vlan[0] != 0) {
        json["vlan"] = Json::array({key.vlan[0]});
        if (key.vlan[1] != 0)
            json["vlan"].push_back(key.vlan[1]);
    }
    const bool ports = has_ports(key.proto);
    json["src_ip"] = key.client.to_string();
    if (ports)
        json["src_port"] = key.client_port;
    json["dest_ip"] = key.server.to_string();
    if (ports)
        json["dest_port"] = key.server_port;
    json["proto"] = protocol_name(key.proto);
    if (is_icmp(key.proto) && (key.flags & FG_KEY_NO_PORTS) == 0) {
        json["icmp_type"] = key.client_port;
        json["icmp_code"] = key.server_port;
    }
}

Json flow_to_json(const Flow &flow, const Snapshot &snapshot)
{
    constexpr TimeNs second = 1'000'000'000;
    Json json{{"timestamp", format_time(snapshot.time)},
              {"event_type", "flow"},
              {"flow_id", flow.id},
              {"in_iface", interface_name(snapshot, flow.key.slot)}};
    put_flow_names(json, flow.key);
    json["community_id"] = community_id(flow.key);
    json["flow"] = {{"pkts_toserver", flow.to_server.packets},  {"pkts_toclient", flow.to_client.packets},
                    {"bytes_toserver", flow.to_server.bytes},   {"bytes_toclient", flow.to_client.bytes},
                    {"start", format_time(flow.start)},         {"end", format_time(flow.last)},
                    {"age", (flow.last - flow.start) / second}, {"state", state_name(flow.state)},
                    {"reason", reason_name(flow.reason)}};
    if (flow.key.proto == FG_PROTO_TCP && (flow.key.flags & FG_KEY_NO_PORTS) == 0)
        json["tcp"] = tcp_to_json(flow);
    Rates bits = flow.bits_to_server.rates(snapshot.clock);
    bits += flow.bits_to_client.rates(snapshot.clock);
    json["flowguard"] = {{"direction", direction_name(direction_of(flow, snapshot.own_addresses))},
                         {"dropped_packets", flow.dropped.packets},
                         {"dropped_bytes", flow.dropped.bytes},
                         {"rate_bps", bits.over_2s},
                         {"rate_pps", flow.packets_both.rates(snapshot.clock).over_2s}};
    if (flow.key.flags & FG_KEY_FRAGMENT)
        json["flowguard"]["fragments"] = true;
    if (flow.key.flags & FG_KEY_TUNNELED)
        json["flowguard"]["tunneled"] = true;
    return json;
}

Json overflow_to_json(const OverflowAggregate &aggregate, const Snapshot &snapshot)
{
    constexpr std::array<std::string_view, 3> levels{"service", "host", "rest"};
    const bool rx = aggregate.direction == FG_RX;
    Json json{{"timestamp", format_time(snapshot.time)}, {"event_type", "overflow"}};
    if (aggregate.level != FG_OVERFLOW_REST) {
        json["in_iface"] = interface_name(snapshot, aggregate.slot);
        if (aggregate.kind <= FG_KIND_IPV6) {
            json[rx ? "dest_ip" : "src_ip"] = aggregate.address.to_string();
            json["proto"] = protocol_name(aggregate.proto);
        } else if (aggregate.level == FG_OVERFLOW_SERVICE) {
            json["ether_type"] = aggregate.port;
        }
        if (aggregate.level == FG_OVERFLOW_SERVICE && has_ports(aggregate.proto))
            json[rx ? "dest_port" : "src_port"] = aggregate.port;
        if (aggregate.level == FG_OVERFLOW_SERVICE && is_icmp(aggregate.proto))
            json["icmp_type"] = aggregate.port;
    }
    json["flowguard"] = {{"direction", rx ? "rx" : "tx"},
                         {"level", levels.at(aggregate.level)},
                         {"packets", aggregate.volume.packets},
                         {"bytes", aggregate.volume.bytes},
                         {"dropped_packets", aggregate.dropped.packets},
                         {"dropped_bytes", aggregate.dropped.bytes},
                         {"syn_packets", aggregate.syn},
                         {"remote_addresses", aggregate.remotes},
                         {"rate_bps", aggregate.bits.rates(snapshot.clock).over_2s},
                         {"rate_pps", aggregate.packets.rates(snapshot.clock).over_2s},
                         {"start", format_time(aggregate.start)},
                         {"last", format_time(aggregate.last)}};
    return json;
}

Json overflow_list(const Snapshot &snapshot, std::size_t limit)
{
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min(limit, snapshot.overflow.size()); i++)
        list.push_back(overflow_to_json(snapshot.overflow[i], snapshot));
    return list;
}

Json status_to_json(const Snapshot &snapshot, std::string_view version, bool verbose)
{
    Json json{{"version", version},
              {"daemon",
               {{"pid", snapshot.daemon_pid},
                {"since", format_time(snapshot.daemon_since)},
                {"tick_ms", snapshot.tick_ms},
                {"ticks", snapshot.tick}}},
              {"interfaces", Json::array()},
              {"flow_table",
               {{"active", snapshot.flows.size()},
                {"capacity", snapshot.table_capacity},
                {"evicted", snapshot.flows_evicted}}},
              {"policy", {{"blocks", snapshot.blocks}, {"allows", 0}, {"limits", 0}}},
              {"incidents", {{"open", 0}}}};
    for (const InterfaceStatus &interface : snapshot.interfaces)
        json["interfaces"].push_back(interface_to_json(interface));
    json["overflow"] = overflow_list(snapshot, shown_aggregates);
    if (verbose) {
        json["kernel_memory_bytes"] = snapshot.kernel_memory_bytes;
        json["kernel_memory_measured_bytes"] = snapshot.kernel_memory_measured;
        json["features"] = snapshot.features;
    }
    return json;
}

} // namespace flowguard
