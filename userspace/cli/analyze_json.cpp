// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/analysis.h"
#include "flowguard/cli/analyze.h"
#include "flowguard/core/protocols.h"
#include "flowguard/detect/incident_json.h"

#include <algorithm>

namespace flowguard {
namespace {

using Statistics = TrafficStatistics;

template <class Rows> std::size_t shown(const Rows &rows, const ReportScope &scope)
{
    return scope.rows == 0 ? rows.size() : std::min(rows.size(), scope.rows);
}

Json sums_to_json(const std::string &name, const ProtocolSums &sums)
{
    return {{"name", name}, {"packets", sums.volume.packets}, {"bytes", sums.volume.bytes}, {"flows", sums.flows}};
}

ProtocolSums &operator+=(ProtocolSums &a, const ProtocolSums &b)
{
    a.volume += b.volume;
    a.flows += b.flows;
    return a;
}

/// Adds to the row of this name, or makes it.
ProtocolSums &row_of(std::vector<std::pair<std::string, ProtocolSums>> &rows, const std::string &name)
{
    const auto found = std::ranges::find(rows, name, [](const auto &row) { return row.first; });
    return found != rows.end() ? found->second : rows.emplace_back(name, ProtocolSums{}).second;
}

/// By name, whatever they were carried by: each packet is in one of them.
Json protocols_to_json(const std::vector<Statistics::ProtocolRow> &protocols)
{
    std::vector<std::pair<std::string, ProtocolSums>> rows;
    for (const auto &protocol : protocols)
        row_of(rows, protocol.name) += protocol.sums;
    std::ranges::stable_sort(
        rows, [](const auto &a, const auto &b) { return a.second.volume.bytes > b.second.volume.bytes; });
    Json list = Json::array();
    for (const auto &[name, sums] : rows)
        list.push_back(sums_to_json(name, sums));
    return list;
}

/// IPv4, IPv6 and what is neither, with what they carry.
Json hierarchy_to_json(const std::vector<Statistics::ProtocolRow> &protocols)
{
    std::vector<std::pair<std::string, ProtocolSums>> networks;
    for (const auto &protocol : protocols)
        row_of(networks, protocol.network.empty() ? protocol.name : protocol.network) += protocol.sums;
    Json list = Json::array();
    for (const auto &[name, sums] : networks) {
        Json network = sums_to_json(name, sums);
        network["protocols"] = Json::array();
        for (const auto &protocol : protocols)
            if (protocol.network == name)
                network["protocols"].push_back(sums_to_json(protocol.name, protocol.sums));
        list.push_back(network);
    }
    return list;
}

Json endpoints_to_json(const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().endpoints();
    const auto peers = report.analysis.statistics().peers();
    const Names &names = report.analysis.detection().names();
    Json list = Json::array();
    for (std::size_t i = 0; i < shown(rows, scope); i++) {
        const auto &[address, sums] = rows[i];
        const auto known = peers.find(address);
        Json row{{"ip", address.to_string()},
                 {"packets_out", sums->sent.packets},
                 {"packets_in", sums->received.packets},
                 {"bytes_out", sums->sent.bytes},
                 {"bytes_in", sums->received.bytes},
                 {"peers", known == peers.end() ? 0 : known->second}};
        if (const std::string name = names.name_of(address); !name.empty())
            row["domain"] = name;
        list.push_back(row);
    }
    return list;
}

Json conversations_to_json(const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().conversations();
    Json list = Json::array();
    for (std::size_t i = 0; i < shown(rows, scope); i++) {
        const auto &[pair, sums] = rows[i];
        list.push_back({{"a", pair.a.to_string()},
                        {"b", pair.b.to_string()},
                        {"packets", sums->volume.packets},
                        {"bytes", sums->volume.bytes},
                        {"packets_from_a", sums->from_a.packets},
                        {"bytes_from_a", sums->from_a.bytes},
                        {"flows", sums->flows},
                        {"first", format_time(sums->first)},
                        {"last", format_time(sums->last)}});
    }
    return list;
}

Json services_to_json(const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().services();
    Json list = Json::array();
    for (std::size_t i = 0; i < shown(rows, scope); i++) {
        const auto &[service, sums] = rows[i];
        list.push_back({{"proto", protocol_name(static_cast<std::uint8_t>(service.proto))},
                        {"port", service.port},
                        {"clients", sums->clients.count()},
                        {"flows", sums->flows},
                        {"packets", sums->volume.packets},
                        {"bytes", sums->volume.bytes}});
    }
    return list;
}

Json timeline_to_json(const Timeline &timeline)
{
    Json list = Json::array();
    for (std::size_t i = 0; i < timeline.steps().size(); i++) {
        const Timeline::Step &step = timeline.steps()[i];
        list.push_back({{"t", format_time(timeline.begin() + static_cast<TimeNs>(i) * timeline.step_length())},
                        {"packets", step.volume.packets},
                        {"bytes", step.volume.bytes},
                        {"new_flows", step.new_flows}});
    }
    return list;
}

void put_statistics(Json &json, const AnalysisReport &report, const ReportScope &scope)
{
    const auto protocols = report.analysis.statistics().protocols();
    json["protocols"] = protocols_to_json(protocols);
    json["hierarchy"] = hierarchy_to_json(protocols);
    json["endpoints"] = endpoints_to_json(report, scope);
    json["conversations"] = conversations_to_json(report, scope);
    json["services"] = services_to_json(report, scope);
    json["timeline_step_s"] = static_cast<double>(report.analysis.timeline().step_length()) / 1e9;
    json["timeline"] = timeline_to_json(report.analysis.timeline());
}

} // namespace

Json report_to_json(const AnalysisReport &report, const ReportScope &scope)
{
    const Analysis &analysis = report.analysis;
    Json json{{"file", report.file}, {"packets", analysis.packets()}, {"bytes", analysis.bytes()}};
    if (analysis.packets() != 0) {
        json["first"] = format_time(analysis.first());
        json["last"] = format_time(analysis.last());
    }
    json["link_type"] = report.link_types.size() == 1 ? Json(report.link_types.front()) : Json(report.link_types);
    json["truncated_packets"] = analysis.cut_packets();
    if (!report.damage.empty())
        json["damaged"] = report.damage;
    if (analysis.clock_set_back() != 0)
        json["clock_set_back"] = analysis.clock_set_back();
    json["local"] = {{"how", report.home.how}, {"addresses", report.home.addresses}};
    json["flows"] = analysis.statistics().flows();
    json["losses"] = Json::object();
    for (const auto &[name, count] : analysis.losses())
        json["losses"][name] = count;
    if (scope.statistics)
        put_statistics(json, report, scope);
    json["incidents"] = Json::array();
    for (const Incident &incident : analysis.incidents())
        json["incidents"].push_back(incident_to_json(incident));
    return json;
}

Json analyzed_flow_to_json(const Flow &flow, const Analysis &analysis, const Locality &locality)
{
    Snapshot snapshot;
    snapshot.time = analysis.last();
    snapshot.clock = analysis.rate_clock();
    Json json = flow_to_json(flow, snapshot);
    json.erase("in_iface");
    const Locality::Direction direction = locality.direction(flow.key);
    json["flowguard"]["direction"] = direction == Locality::Direction::In    ? "in"
                                     : direction == Locality::Direction::Out ? "out"
                                                                             : "forwarded";
    if (const std::string name = analysis.detection().names().name_of(flow.key.server); !name.empty())
        json["flowguard"]["domain"] = name;
    return json;
}

} // namespace flowguard
