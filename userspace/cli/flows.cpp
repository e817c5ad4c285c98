// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/core/top.h"
#include "flowguard/tui/overflow.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>

namespace flowguard {
namespace {

struct Options {
    std::string filter;
    std::string sort = "bytes";
    std::optional<std::size_t> limit;
    bool ended = false;
    bool overflow = false;
};

constexpr std::size_t default_rows = 100;

std::string endpoint(const Json &flow, const char *ip, const char *port)
{
    const std::string address = flow.value(ip, "");
    if (!flow.contains(port))
        return address;
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", flow.value(port, 0));
}

/// Where a flow was seen: a flow inside a tunnel is another one than the same addresses outside.
std::string place(const Json &flow)
{
    return flow.value("in_iface", "") + (flow.at("flowguard").value("tunneled", false) ? " tunnel" : "");
}

void add_row(Table &table, const Json &flow)
{
    const Json &counts = flow.at("flow");
    const Json &own = flow.at("flowguard");
    table.add({flow.value("proto", ""), endpoint(flow, "src_ip", "src_port"), endpoint(flow, "dest_ip", "dest_port"),
               place(flow), own.value("direction", ""), counts.value("state", ""),
               format_count(counts.value("pkts_toserver", 0.0)), format_count(counts.value("pkts_toclient", 0.0)),
               format_bytes(counts.value("bytes_toserver", 0.0)), format_bytes(counts.value("bytes_toclient", 0.0)),
               format_count(own.value("dropped_packets", 0.0)), format_rate(own.value("rate_bps", 0.0), RateUnit::Bits),
               format_duration(counts.value("age", 0.0))});
}

/// Calls `visit` with each object of a JSON lines answer; returns how many there were.
Result<std::size_t> for_each(const Context &context, const std::string &path, const Query &query,
                             const std::function<void(const Json &)> &visit)
{
    std::size_t count = 0;
    const auto done = context.client().lines(path, query, [&](std::string_view line) {
        if (const Json object = Json::parse(line, nullptr, false); !object.is_discarded())
            visit(object);
        count++;
        return true;
    });
    return done ? Result<std::size_t>(count) : std::unexpected(done.error());
}

Result<void> echo(const Context &context, const std::string &path, const Query &query)
{
    return context.client().lines(path, query, [](std::string_view line) {
        fmt::print("{}\n", line);
        return std::ferror(stdout) == 0;
    });
}

Result<void> print_table(const Context &context, const Query &query, std::size_t limit)
{
    Table table({{"PROTO"},
                 {"CLIENT"},
                 {"SERVER"},
                 {"IFACE"},
                 {"DIR"},
                 {"STATE"},
                 {"PKTS>", Align::Right},
                 {"PKTS<", Align::Right},
                 {"BYTES>", Align::Right},
                 {"BYTES<", Align::Right},
                 {"DROPPED", Align::Right},
                 {"RATE", Align::Right},
                 {"AGE", Align::Right}});
    const auto rows = for_each(context, "/v1/flows", query, [&](const Json &flow) { add_row(table, flow); });
    if (!rows)
        return std::unexpected(rows.error());
    table.print();
    if (limit != 0 && *rows == limit)
        print_line(fmt::format("the first {}; '-n 0' lists all", grouped(limit)));
    return {};
}

/// What the kernel's flow table had no room for.
Result<void> print_overflow(const Context &context)
{
    Table table({{"IFACE"},
                 {"DIR"},
                 {"TARGET"},
                 {"PACKETS", Align::Right},
                 {"BYTES", Align::Right},
                 {"DROPPED", Align::Right},
                 {"SYN", Align::Right},
                 {"ADDRESSES", Align::Right},
                 {"PKT/S", Align::Right}});
    const auto rows = for_each(context, "/v1/overflow", {}, [&](const Json &aggregate) {
        const Json &own = aggregate.at("flowguard");
        table.add({aggregate.value("in_iface", ""), own.value("direction", ""), overflow_target(aggregate),
                   format_count(own.value("packets", 0.0)), format_bytes(own.value("bytes", 0.0)),
                   format_count(own.value("dropped_packets", 0.0)), format_count(own.value("syn_packets", 0.0)),
                   "~" + format_count(own.value("remote_addresses", 0.0)), format_count(own.value("rate_pps", 0.0))});
    });
    if (!rows)
        return std::unexpected(rows.error());
    if (*rows == 0)
        print_line("no overflow in the last minute: every packet is in its flow");
    else
        table.print();
    return {};
}

Result<void> run(const Context &context, const Options &options)
{
    if (options.overflow)
        return context.json ? echo(context, "/v1/overflow", {}) : print_overflow(context);
    if (auto sort = parse_sort_by(options.sort); !sort)
        return std::unexpected(sort.error());
    const std::size_t limit = options.limit.value_or(context.json ? 0 : default_rows);
    const Query query{{"filter", options.filter},
                      {"sort", options.sort},
                      {"n", std::to_string(limit)},
                      {"ended", options.ended ? "1" : "0"}};
    return context.json ? echo(context, "/v1/flows", query) : print_table(context, query, limit);
}

} // namespace

Run build_flows(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    auto *filter = command.add_option("--filter", options->filter,
                                      "Only flows that match, in tcpdump's words: 'tcp and dst port 443'");
    auto *sort = command.add_option("--sort", options->sort, "bytes, packets, rate or start")->capture_default_str();
    auto *limit = command.add_option("-n", options->limit, "Rows; 0: all (the default with --json)")
                      ->check(CLI::Range(0U, 1000000000U));
    auto *ended = command.add_flag("--ended", options->ended, "Flows that have ended, instead of active ones");
    command
        .add_flag("--overflow", options->overflow,
                  "What the kernel's flow table had no room for in the last minute, by what it is aimed at")
        ->excludes(ended)
        ->excludes(filter)
        ->excludes(sort)
        ->excludes(limit);
    return [options](const Context &context) { return run(context, *options); };
}

} // namespace flowguard
