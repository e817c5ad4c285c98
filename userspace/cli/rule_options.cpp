// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/rule_options.h"

#include "flowguard/cli/output.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <unistd.h>

namespace flowguard {

void RuleOptions::add_to(CLI::App &command, const char *directions)
{
    command.add_option("--for", lifetime, "Lift it by itself after 90s, 15m, 1h, 7d; without: never");
    auto *group = command.add_option_group("direction", fmt::format("Without one: {}", directions));
    group->add_flag("--in", in, "What comes from the address");
    group->add_flag("--out", out, "What goes to the address");
    group->add_flag("--both", both, "Both ways");
    group->require_option(0, 1);
    auto *conditions = command.add_option_group("conditions", "All that are given must hold");
    conditions->add_option("--proto", proto, "tcp, udp, icmp, ... or a number");
    conditions->add_option("--port", port, "To this port, or to one of a range like 1000-2000");
    conditions->add_option("--source-port", source_port, "From this port, or from one of a range");
    conditions->add_option("--interface", interface, "On this interface");
    conditions->add_option("--icmp-type", icmp_type, "ICMP of this type, like 8, or type and code, like 3/1");
    conditions->add_option("--tcp-flags", tcp_flags, "TCP flags: looked at and set, like SYN,ACK/SYN");
    conditions->add_option("--min-length", min_length, "Frames of so many bytes or more");
    conditions->add_option("--max-length", max_length, "Frames of so many bytes or fewer");
    command.add_option("--priority", priority, "Among rules, lower comes first (allow 100, block 200, limit 300)");
    command.add_option("--reason", reason, "Why, for whoever reads the list");
    command.add_flag("--dry-run", dry_run, "Check, and change nothing");
}

Result<Json> RuleOptions::request() const
{
    Json request{{"target", target}, {"reason", reason}, {"dry_run", dry_run}};
    if (in || out || both)
        request["directions"] = both ? "both" : in ? "in" : "out";
    for (const auto &[name, value] : {std::pair("proto", &proto),
                                      {"port", &port},
                                      {"source_port", &source_port},
                                      {"interface", &interface},
                                      {"icmp_type", &icmp_type},
                                      {"tcp_flags", &tcp_flags},
                                      {"min_length", &min_length},
                                      {"max_length", &max_length},
                                      {"priority", &priority}})
        if (!value->empty())
            request[name] = *value;
    if (lifetime.empty())
        return request;
    const auto parsed = parse_duration(lifetime);
    if (!parsed)
        return std::unexpected(parsed.error());
    request["for_s"] = parsed->count();
    return request;
}

Result<Json> or_without_daemon(Result<Json> answer, const std::function<Result<Json>()> &otherwise)
{
    if (answer || answer.error().code != ExitCode::NotRunning || geteuid() != 0)
        return answer;
    return otherwise();
}

Result<void> show(const Context &context, const Result<Json> &answer, const std::function<void(const Json &)> &print)
{
    if (!answer)
        return std::unexpected(answer.error());
    if (context.json)
        print_json(*answer);
    else if (!context.quiet)
        print(*answer);
    return {};
}

void print_change(const Json &answer, const std::string &verb, const std::string &same)
{
    const bool changed = answer.value("changed", false);
    const std::string id = answer.contains("id") ? fmt::format("{}", answer.value("id", 0)) : "it";
    print_line(fmt::format("{}{} {}", changed && answer.value("dry_run", false) ? "would have " : "",
                           changed ? verb : same, answer.value("text", answer.value("target", id))));
}

void print_rules(const Json &answer, const std::string &action)
{
    Table table({{"ID", Align::Right},
                 {"PRIORITY", Align::Right},
                 {"ACTION"},
                 {"PACKETS"},
                 {"EXPIRES IN", Align::Right},
                 {"MATCHED", Align::Right},
                 {"DROPPED", Align::Right},
                 {"REASON"}});
    bool any = false;
    for (const Json &rule : answer.at("rules")) {
        if (!action.empty() && rule.at("action") != action)
            continue;
        any = true;
        std::string what = rule.value("action", "");
        if (what == "limit")
            what = fmt::format("limit {}{} {}", rule.value("unit", "") == "connections" ? "new connections " : "",
                               rule.value("rate", ""), rule.value("per", "") == "source" ? "per source" : "in total");
        table.add({std::to_string(rule.value("id", 0)), std::to_string(rule.value("priority", 0)), what,
                   rule.value("text", ""),
                   rule.contains("remaining_s") ? format_duration(rule.value("remaining_s", 0.0)) : "never",
                   grouped(rule.value("packets", std::uint64_t{0})),
                   grouped(rule.value("dropped_packets", std::uint64_t{0})), rule.value("reason", "")});
    }
    if (any)
        table.print();
    else
        print_line(action.empty() ? "no rules" : action == "allow" ? "nothing is allowed by rule" : "no limits");
    const auto blocks = answer.at("blocklist").value("count", std::uint64_t{0});
    if (action.empty() && blocks > 0)
        print_line(fmt::format("and {} addresses and prefixes that are blocked, at priority {}: 'flowguard blocks'",
                               grouped(blocks), answer.at("blocklist").value("priority", 0)));
}

} // namespace flowguard
