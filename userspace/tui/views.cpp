// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/views.h"

#include "flowguard/tui/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace flowguard {
namespace {

using CellOf = std::function<Cell(const Json &row, int width)>;

/* Below this, source and destination leave no room for two directions, nor for the port of the source. */
constexpr int narrow_flow = 60;
/* IFNAMSIZ, and " gone". */
constexpr int longest_name = 20;

CellOf rate(const char *direction, const char *window, RateUnit unit)
{
    return [=](const Json &row, int) { return Cell{format_rate(number_at(row, {direction, window}), unit)}; };
}

CellOf count(const char *key)
{
    return [=](const Json &row, int) { return Cell{format_count(number_at(row, {key}))}; };
}

CellOf count(const char *key, const char *window)
{
    return [=](const Json &row, int) { return Cell{format_count(number_at(row, {key, window}))}; };
}

CellOf bytes(const char *key)
{
    return [=](const Json &row, int) { return Cell{format_bytes(number_at(row, {key}))}; };
}

CellOf text(const char *key)
{
    return [=](const Json &row, int) { return Cell{text_at(row, key)}; };
}

CellOf alarming(CellOf cell)
{
    return [cell = std::move(cell)](const Json &row, int width) {
        Cell made = cell(row, width);
        made.alarm = made.text != "0";
        return made;
    };
}

/// Address and port; what does not fit is taken out of the middle of the address.
Cell endpoint(const Json &row, const char *ip_key, const char *port_key, int width)
{
    const std::string ip = text_at(row, ip_key);
    if (!has(row, port_key))
        return {shorten_middle(ip, width)};
    const bool v6 = ip.contains(':');
    const std::string port = fmt::format("{}:{:.0f}", v6 ? "]" : "", number_at(row, {port_key}));
    const int room = width - display_width(port) - (v6 ? 1 : 0);
    if (room < 3)
        return {shorten_middle(ip, width)};
    return {(v6 ? "[" : "") + shorten_middle(ip, room) + port};
}

CellOf address(const char *key)
{
    return [=](const Json &row, int width) { return Cell{shorten_middle(text_at(row, key), width)}; };
}

CellOf endpoint(const char *ip_key, const char *port_key)
{
    return [=](const Json &row, int width) { return endpoint(row, ip_key, port_key, width); };
}

Cell protocol(const Json &row, int width)
{
    const std::string name = text_at(row, "proto");
    const std::string shown = name == "IPV6-ICMP" ? "ICMP6" : name;
    if (!has(row, "icmp_type"))
        return {shown};
    const std::string kind = fmt::format("{} {:.0f}/{:.0f}", shown, number_at(row, {"icmp_type"}),
                                         number_at(row, {"icmp_code"}));
    return {display_width(kind) <= width ? kind : shown};
}

Cell service(const Json &row, int)
{
    std::string name = text_at(row, "proto");
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::ranges::transform(name, name.begin(), lower);
    return {has(row, "port") ? fmt::format("{}/{:.0f}", name, number_at(row, {"port"})) : name};
}

Cell state(const Json &row, int)
{
    const std::string name = text_at(row, "state");
    return {name == "established" ? "estab" : name};
}

Cell direction(const Json &row, int)
{
    const std::string name = text_at(row, "direction");
    return {name == "forwarded" ? "fwd" : name};
}

Cell vlan(const Json &row, int)
{
    std::string tags;
    for (const Json &tag : array_at(row, "vlan"))
        tags += fmt::format("{}{:.0f}", tags.empty() ? "" : ".", tag.is_number() ? tag.get<double>() : 0);
    return {tags};
}

Cell start(const Json &row, int)
{
    /* 2026-11-23T10:00:00.000000Z without year and fraction. */
    std::string time = text_at(row, "start");
    if (time.size() < 19)
        return {time};
    time = time.substr(5, 14);
    time[5] = ' ';
    return {time};
}

Cell sum_of_rates(const Json &row, RateUnit unit)
{
    return {format_rate(number_at(row, {"rx_bps", "2s"}) + number_at(row, {"tx_bps", "2s"}), unit),
            number_at(row, {"dropped_packets"}) > 0};
}

bool has_v6(const Json &rows)
{
    return std::any_of(rows.begin(), rows.end(), [](const Json &row) {
        return text_at(row, "ip").contains(':') || text_at(row, "src_ip").contains(':');
    });
}

Column right(std::string heading, int priority, int width, CellOf cell, std::optional<SortBy> sort = {})
{
    return {std::move(heading), priority, width, width, Align::Right, std::move(cell), sort};
}

Column left(std::string heading, int priority, int min_width, int max_width, CellOf cell,
            std::optional<SortBy> sort = {})
{
    return {std::move(heading), priority, min_width, max_width, Align::Left, std::move(cell), sort};
}

std::vector<Column> narrow_flow_columns(bool v6, RateUnit unit)
{
    return {left("SOURCE", 0, 13, v6 ? 39 : 15, address("src_ip")),
            left("DESTINATION", 1, 16, v6 ? 47 : 21, endpoint("dest_ip", "dest_port")),
            right(
                "RATE", 2, 6, [unit](const Json &row, int) { return sum_of_rates(row, unit); }, SortBy::Rate),
            right("DROP", 3, 5, alarming(count("dropped_packets")))};
}

std::vector<Column> flow_columns(bool v6, RateUnit unit)
{
    const int least = v6 ? 24 : 21;
    const int most = v6 ? 47 : 21;
    return {left("SOURCE", 0, least, most, endpoint("src_ip", "src_port")),
            left("DESTINATION", 1, least, most, endpoint("dest_ip", "dest_port")),
            left("PROTO", 4, 8, 11, protocol),
            right("RX 2s", 2, 6, rate("rx_bps", "2s", unit), SortBy::Rate),
            right("TX 2s", 3, 6, rate("tx_bps", "2s", unit), SortBy::Rate),
            right("RX 10s", 10, 6, rate("rx_bps", "10s", unit)),
            right("TX 10s", 11, 6, rate("tx_bps", "10s", unit)),
            right("RX 40s", 14, 6, rate("rx_bps", "40s", unit)),
            right("TX 40s", 15, 6, rate("tx_bps", "40s", unit)),
            right("PPS", 7, 5, count("pps", "2s")),
            right("BYTES", 6, 6, bytes("bytes"), SortBy::Bytes),
            right("PACKETS", 13, 7, count("packets"), SortBy::Packets),
            right("DROP", 5, 5, alarming(count("dropped_packets"))),
            right(
                "AGE", 8, 6, [](const Json &row, int) { return Cell{format_duration(number_at(row, {"age"}))}; },
                SortBy::Start),
            left("STATE", 9, 6, 6, state),
            left("DIR", 16, 3, 3, direction),
            left("IF", 12, 6, 15, text("in_iface")),
            left("VLAN", 17, 4, 9, vlan)};
}

/// What all views but that of flows have.
std::vector<Column> group_columns(Column what, const char *peers, RateUnit unit)
{
    return {std::move(what),
            right("RX 2s", 1, 6, rate("rx_bps", "2s", unit), SortBy::Rate),
            right("TX 2s", 2, 6, rate("tx_bps", "2s", unit), SortBy::Rate),
            right("RX 10s", 8, 6, rate("rx_bps", "10s", unit)),
            right("TX 10s", 9, 6, rate("tx_bps", "10s", unit)),
            right("RX 40s", 10, 6, rate("rx_bps", "40s", unit)),
            right("TX 40s", 11, 6, rate("tx_bps", "40s", unit)),
            right("PPS", 7, 5, count("pps", "2s")),
            right("BYTES", 6, 6, bytes("bytes"), SortBy::Bytes),
            right("PACKETS", 12, 7, count("packets"), SortBy::Packets),
            right("DROP", 3, 5, alarming(count("dropped_packets"))),
            right("FLOWS", 4, 5, count("flows")),
            right(peers, 5, 7, count("peers")),
            left("FIRST SEEN", 13, 14, 14, start, SortBy::Start)};
}

Column address_column(const char *heading, bool v6)
{
    return left(heading, 0, v6 ? 19 : 15, v6 ? 39 : 15, address("ip"));
}

Cell interface_name(const Json &row, int width)
{
    const std::string name = text_at(row, "name");
    if (flag_at(row, "present", true))
        return {shorten_middle(name, width)};
    return {shorten_middle(name, std::max(width - 5, 1)) + " gone", true};
}

Cell hooks(const Json &row, int) { return {text_at(row, "ingress") + "/" + text_at(row, "egress")}; }

Cell accounted_cell(const Json &row, int)
{
    const double share = has(row, "accounted") ? number_at(row, {"accounted"}) : 1.0;
    return {format_share(share), share != 1.0};
}

} // namespace

std::vector<Column> view_columns(TopBy view, const Json &rows, RateUnit unit, int width)
{
    const bool v6 = has_v6(rows);
    switch (view) {
    case TopBy::Remote:
        return choose_columns(group_columns(address_column("REMOTE", v6), "PEERS", unit), width);
    case TopBy::Local:
        return choose_columns(group_columns(address_column("LOCAL", v6), "PEERS", unit), width);
    case TopBy::Service:
        return choose_columns(group_columns(left("SERVICE", 0, 10, 15, service), "CLIENTS", unit), width);
    case TopBy::Flow:
        break;
    }
    const bool narrow = width > 0 && width < narrow_flow;
    return choose_columns(narrow ? narrow_flow_columns(v6, unit) : flow_columns(v6, unit), width);
}

std::vector<Column> total_columns(RateUnit unit, int width)
{
    return choose_columns({left("", 0, 2, 2, text("name")),
                           right(unit == RateUnit::Bits ? "BIT/S 2s" : "BYTE/S 2s", 1, 9, rate("bps", "2s", unit)),
                           right("10s", 3, 6, rate("bps", "10s", unit)), right("40s", 4, 6, rate("bps", "40s", unit)),
                           right("PKT/S 2s", 5, 9, count("pps", "2s")), right("10s", 6, 5, count("pps", "10s")),
                           right("40s", 7, 5, count("pps", "40s")),
                           right("DROP/S", 2, 7, alarming(count("dropped_pps", "2s"))),
                           right("BYTES", 8, 7, bytes("bytes")), right("PACKETS", 10, 8, count("packets")),
                           right("DROPPED", 9, 8, alarming(count("dropped_packets")))},
                          width);
}

std::vector<Column> interface_columns(const Json &interfaces, RateUnit unit, int width)
{
    const auto longest = [&](const CellOf &cell) {
        int cells = 0;
        for (const Json &interface : interfaces)
            cells = std::max(cells, display_width(cell(interface, longest_name).text));
        return cells;
    };
    const int hook_width = std::max(longest(hooks), 5);
    const int note_width = longest(text("note"));
    std::vector<Column> columns{left("INTERFACE", 0, 9, std::max(longest(interface_name), 9), interface_name),
                                left("HOOKS", 5, hook_width, hook_width, hooks),
                                right("RX 2s", 1, 6, rate("rx_bps", "2s", unit)),
                                right("TX 2s", 2, 6, rate("tx_bps", "2s", unit)),
                                right("RX PPS", 7, 6, count("rx_pps", "2s")),
                                right("TX PPS", 8, 6, count("tx_pps", "2s")),
                                right("DROP/S", 3, 6, alarming(count("dropped_pps", "2s"))),
                                right("ACCOUNTED", 4, 9, accounted_cell)};
    if (note_width > 0)
        columns.push_back(left("NOTE", 6, std::min(note_width, 16), note_width, text("note")));
    return choose_columns(std::move(columns), width);
}

} // namespace flowguard
