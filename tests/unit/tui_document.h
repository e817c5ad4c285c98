// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace flowguard::test {

inline Json rates(double value) { return {{"2s", value}, {"10s", value / 2}, {"40s", value / 4}}; }

inline Json totals(double bits, double dropped)
{
    return {{"bps", rates(bits)}, {"pps", rates(bits / 8000)}, {"dropped_pps", rates(dropped)},
            {"packets", 1000},    {"bytes", 2'000'000},        {"dropped_packets", 0},
            {"dropped_bytes", 0}};
}

inline Json interface(const std::string &name, double accounted = 1.0)
{
    return {{"name", name},
            {"ingress", "xdp-native"},
            {"egress", "tcx"},
            {"present", true},
            {"rx_bps", rates(1e6)},
            {"tx_bps", rates(2e6)},
            {"rx_pps", rates(100)},
            {"tx_pps", rates(200)},
            {"dropped_pps", rates(0)},
            {"accounted", accounted},
            {"note", ""}};
}

inline Json row(double rx)
{
    return {{"rx_bps", rates(rx)}, {"tx_bps", rates(8)},   {"pps", rates(3)}, {"packets", 4},
            {"bytes", 512},        {"dropped_packets", 0}, {"flows", 1},      {"start", "2026-11-23T10:00:00.000000Z"}};
}

inline Json flow_row(const std::string &source, int source_port, const std::string &destination = "192.0.2.1")
{
    Json flow = row(1'240'000);
    flow.update({{"src_ip", source},
                 {"src_port", source_port},
                 {"dest_ip", destination},
                 {"dest_port", 443},
                 {"proto", "TCP"},
                 {"in_iface", "eth0"},
                 {"state", "established"},
                 {"direction", "in"},
                 {"age", 312}});
    return flow;
}

inline Json address_row(const std::string &ip)
{
    Json address = row(1000);
    address.update({{"ip", ip}, {"peers", 3}});
    return address;
}

inline Json document(std::uint64_t tick, std::vector<Json> rows, const std::string &by = "flow")
{
    return {{"timestamp", "2026-11-23T10:00:12.000000Z"},
            {"tick", tick},
            {"tick_ms", 1000},
            {"by", by},
            {"sort", "rate"},
            {"filter", ""},
            {"totals", {{"rx", totals(1e9, 0)}, {"tx", totals(1e6, 0)}}},
            {"interfaces", Json::array({interface("eth0")})},
            {"active_flows", 10},
            {"blocks", 1},
            {"matching", rows.size()},
            {"rows", Json(rows)}};
}

/// Flows from ports first, first + 1, ...
inline Json flows(std::uint64_t tick, int first, int count)
{
    std::vector<Json> rows;
    for (int port = first; port < first + count; port++)
        rows.push_back(flow_row("198.51.100.7", port));
    return document(tick, rows);
}

} // namespace flowguard::test
