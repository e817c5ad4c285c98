// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/top.h"

#include "flowguard/core/biflow.h"
#include "flowguard/core/protocols.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>

namespace flowguard {
namespace {

constexpr std::array<std::string_view, 4> by_names{"flow", "remote", "local", "service"};
constexpr std::array<std::string_view, 4> sort_names{"rate", "bytes", "packets", "start"};

template <class Enum, std::size_t n>
Result<Enum> parse_name(std::string_view text, const std::array<std::string_view, n> &names, std::string_view what)
{
    const auto *found = std::ranges::find(names, text);
    if (found == names.end())
        return fail(ExitCode::Usage, fmt::format("unknown {} '{}': use {}", what, text, fmt::join(names, ", ")));
    return static_cast<Enum>(found - names.begin());
}

/// What every row of every view adds up.
struct Sums {
    Rates rx_bits;
    Rates tx_bits;
    Rates packet_rate;
    Volume volume;
    std::uint64_t dropped_packets = 0;
    std::uint64_t flows = 0;
    TimeNs start = 0;
    std::vector<IpAddress> peers;

    void add(const Flow &flow, const RateClock &clock)
    {
        const Rates to_server = flow.bits_to_server.rates(clock);
        const Rates to_client = flow.bits_to_client.rates(clock);
        rx_bits += flow.client_received ? to_server : to_client;
        tx_bits += flow.client_received ? to_client : to_server;
        packet_rate += flow.packets_both.rates(clock);
        volume += flow.to_server + flow.to_client;
        dropped_packets += flow.dropped.packets;
        start = flows == 0 ? flow.start : std::min(start, flow.start);
        flows++;
    }

    double rank(SortBy sort) const
    {
        switch (sort) {
        case SortBy::Rate:
            return rx_bits.over_10s + tx_bits.over_10s;
        case SortBy::Bytes:
            return static_cast<double>(volume.bytes);
        case SortBy::Packets:
            return static_cast<double>(volume.packets);
        case SortBy::Start:
            break;
        }
        return static_cast<double>(start);
    }

    void put(Json &row) const
    {
        row["rx_bps"] = rates_to_json(rx_bits);
        row["tx_bps"] = rates_to_json(tx_bits);
        row["pps"] = rates_to_json(packet_rate);
        row["packets"] = volume.packets;
        row["bytes"] = volume.bytes;
        row["dropped_packets"] = dropped_packets;
        row["flows"] = flows;
        row["start"] = format_time(start);
    }
};

/// The greatest `limit` first (0: all). Ranks are computed once.
template <class T> std::vector<T> best(std::vector<std::pair<double, T>> ranked, std::size_t limit)
{
    const std::size_t count = limit == 0 ? ranked.size() : std::min(limit, ranked.size());
    std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end(),
                      [](const auto &a, const auto &b) { return a.first > b.first; });
    std::vector<T> result;
    result.reserve(count);
    for (std::size_t i = 0; i < count; i++)
        result.push_back(ranked[i].second);
    return result;
}

/// Who the packets that come in are from: the other side, seen from this interface.
const IpAddress &remote_of(const Flow &flow) { return flow.client_received ? flow.key.client : flow.key.server; }
const IpAddress &local_of(const Flow &flow) { return flow.client_received ? flow.key.server : flow.key.client; }

struct GroupKey {
    IpAddress address;
    std::uint16_t port = 0;
    std::uint8_t proto = 0;
    bool operator==(const GroupKey &) const = default;
};

struct GroupHash {
    std::size_t operator()(const GroupKey &key) const
    {
        const std::string_view bytes(reinterpret_cast<const char *>(key.address.bytes().data()),
                                     key.address.bytes().size());
        return std::hash<std::string_view>()(bytes) ^ (std::size_t{key.port} << 8 | key.proto) * 0x9e3779b97f4a7c15;
    }
};

GroupKey group_of(const Flow &flow, TopBy by)
{
    if (by == TopBy::Remote)
        return {.address = remote_of(flow)};
    if (by == TopBy::Local)
        return {.address = local_of(flow)};
    return {.address = {},
            .port = has_ports(flow.key.proto) ? flow.key.server_port : std::uint16_t{0},
            .proto = flow.key.proto};
}

const IpAddress &peer_of(const Flow &flow, TopBy by)
{
    if (by == TopBy::Service)
        return flow.key.client;
    return by == TopBy::Remote ? local_of(flow) : remote_of(flow);
}

std::size_t distinct(std::vector<IpAddress> peers)
{
    std::ranges::sort(peers);
    const auto repeated = std::ranges::unique(peers);
    return peers.size() - repeated.size();
}

Json group_row(const GroupKey &key, const Sums &sums, TopBy by)
{
    Json row;
    if (by == TopBy::Service) {
        row["proto"] = protocol_name(key.proto);
        if (has_ports(key.proto))
            row["port"] = key.port;
    } else {
        row["ip"] = key.address.to_string();
    }
    row["peers"] = distinct(sums.peers);
    sums.put(row);
    return row;
}

Json flow_row(const Flow &flow, const Snapshot &snapshot)
{
    Json row;
    put_flow_names(row, flow.key);
    for (const InterfaceStatus &interface : snapshot.interfaces)
        if (interface.slot == flow.key.slot)
            row["in_iface"] = interface.name;
    row["state"] = state_name(flow.state);
    row["direction"] = direction_name(direction_of(flow, snapshot.own_addresses));
    row["age"] = (snapshot.time - flow.start) / 1'000'000'000;
    Sums sums;
    sums.add(flow, snapshot.clock);
    sums.put(row);
    return row;
}

Json group_rows(const Snapshot &snapshot, TopBy by, SortBy sort, const FlowFilter &filter, std::size_t limit,
                std::size_t &matching)
{
    std::unordered_map<GroupKey, Sums, GroupHash> groups;
    for (const Flow &flow : snapshot.flows) {
        if (!filter.matches(flow))
            continue;
        Sums &sums = groups[group_of(flow, by)];
        sums.add(flow, snapshot.clock);
        sums.peers.push_back(peer_of(flow, by));
    }
    matching = groups.size();
    using Group = const std::pair<const GroupKey, Sums> *;
    std::vector<std::pair<double, Group>> ranked;
    for (const auto &group : groups)
        ranked.emplace_back(group.second.rank(sort), &group);
    Json rows = Json::array();
    for (const Group group : best(std::move(ranked), limit))
        rows.push_back(group_row(group->first, group->second, by));
    return rows;
}

Json flow_rows(const Snapshot &snapshot, SortBy sort, const FlowFilter &filter, std::size_t limit,
               std::size_t &matching)
{
    const SelectedFlows selected = select_flows(snapshot.flows, snapshot.clock, filter, sort, limit);
    matching = selected.matching;
    Json rows = Json::array();
    for (const Flow *flow : selected.flows)
        rows.push_back(flow_row(*flow, snapshot));
    return rows;
}

/// Totals of all interfaces, one direction.
Json totals_to_json(const Snapshot &snapshot, DirectionTotals InterfaceStatus::*side)
{
    DirectionTotals sum;
    for (const InterfaceStatus &interface : snapshot.interfaces) {
        const DirectionTotals &totals = interface.*side;
        sum.bits += totals.bits;
        sum.packets += totals.packets;
        sum.dropped_packets += totals.dropped_packets;
        sum.total += totals.total;
        sum.dropped += totals.dropped;
    }
    return {{"bps", rates_to_json(sum.bits)},
            {"pps", rates_to_json(sum.packets)},
            {"dropped_pps", rates_to_json(sum.dropped_packets)},
            {"packets", sum.total.packets},
            {"bytes", sum.total.bytes},
            {"dropped_packets", sum.dropped.packets},
            {"dropped_bytes", sum.dropped.bytes}};
}

Json interfaces_to_json(const Snapshot &snapshot)
{
    Json list = Json::array();
    for (const InterfaceStatus &interface : snapshot.interfaces) {
        Rates dropped = interface.rx.dropped_packets;
        dropped += interface.tx.dropped_packets;
        list.push_back({{"name", interface.name},
                        {"ingress", interface.ingress_hook},
                        {"egress", interface.egress_hook},
                        {"present", interface.present},
                        {"rx_bps", rates_to_json(interface.rx.bits)},
                        {"tx_bps", rates_to_json(interface.tx.bits)},
                        {"rx_pps", rates_to_json(interface.rx.packets)},
                        {"tx_pps", rates_to_json(interface.tx.packets)},
                        {"dropped_pps", rates_to_json(dropped)},
                        {"accounted", accounted(interface)},
                        {"note", interface.note}});
    }
    return list;
}

} // namespace

Result<TopBy> parse_top_by(std::string_view text)
{
    if (text == "process")
        return fail(ExitCode::Usage, "this version does not know processes yet: use flow, remote, local or service");
    return parse_name<TopBy>(text, by_names, "view");
}

Result<SortBy> parse_sort_by(std::string_view text) { return parse_name<SortBy>(text, sort_names, "order"); }

SelectedFlows select_flows(const std::vector<Flow> &flows, const RateClock &clock, const FlowFilter &filter,
                           SortBy sort, std::size_t limit)
{
    std::vector<std::pair<double, const Flow *>> ranked;
    for (const Flow &flow : flows) {
        if (!filter.matches(flow))
            continue;
        Sums sums;
        sums.add(flow, clock);
        ranked.emplace_back(sums.rank(sort), &flow);
    }
    const std::size_t matching = ranked.size();
    return {best(std::move(ranked), limit), matching};
}

Json top_to_json(const Snapshot &snapshot, TopBy by, SortBy sort, const FlowFilter &filter, std::size_t limit)
{
    std::size_t matching = 0;
    Json rows = by == TopBy::Flow ? flow_rows(snapshot, sort, filter, limit, matching)
                                  : group_rows(snapshot, by, sort, filter, limit, matching);
    return {{"timestamp", format_time(snapshot.time)},
            {"tick", snapshot.tick},
            {"tick_ms", snapshot.tick_ms},
            {"by", by_names.at(static_cast<std::size_t>(by))},
            {"sort", sort_names.at(static_cast<std::size_t>(sort))},
            {"totals",
             {{"rx", totals_to_json(snapshot, &InterfaceStatus::rx)},
              {"tx", totals_to_json(snapshot, &InterfaceStatus::tx)}}},
            {"interfaces", interfaces_to_json(snapshot)},
            {"overflow", overflow_list(snapshot, shown_aggregates)},
            {"active_flows", snapshot.flows.size()},
            {"blocks", snapshot.blocks},
            {"matching", matching},
            {"rows", std::move(rows)}};
}

} // namespace flowguard
