// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace flowguard {
namespace {

struct Options {
    std::string id;
    bool open = false;
    std::string since;
    bool follow = false;
};

constexpr std::size_t page_width = 100;

std::string words(const Json &json, const char *key) { return clean(json.value(key, "")); }

/// "2026-11-25 05:31:06" of RFC 3339.
std::string short_time(const std::string &time)
{
    std::string text = time.substr(0, 19);
    std::ranges::replace(text, 'T', ' ');
    return text;
}

std::string quantity(double value, const std::string &unit)
{
    const std::string number = std::abs(value) >= 100
                                   ? grouped(static_cast<std::uint64_t>(std::llround(std::abs(value))))
                                   : fmt::format("{:.3g}", value);
    return unit.empty() ? number : number + " " + unit;
}

std::string who(const Json &eve)
{
    if (const std::string source = eve.value("src_ip", ""); !source.empty())
        return source;
    const auto count = eve.at("flowguard").value("source_count", std::uint64_t{0});
    return count == 0 ? "-" : fmt::format("{} source{}", grouped(count), count == 1 ? "" : "s");
}

std::string target(const Json &eve)
{
    std::string text = eve.value("dest_ip", "");
    const auto port = eve.value("dest_port", 0);
    if (port != 0)
        text += fmt::format("{}{}/{}", text.empty() ? "" : " ", eve.value("proto", "port"), port);
    return text.empty() ? "-" : text;
}

std::string observed(const Json &own) { return quantity(own.value("observed", 0.0), own.value("unit", "")); }

Table make_table()
{
    return Table({{"ID"},
                  {"START (UTC)"},
                  {"SEV", Align::Right},
                  {"DETECTOR"},
                  {"WHO"},
                  {"TARGET"},
                  {"OBSERVED", Align::Right},
                  {"STATE"}});
}

std::vector<std::string> row(const Json &eve)
{
    const Json &own = eve.at("flowguard");
    const bool merged = own.contains("merged_into");
    return {own.value("incident_id", ""),
            short_time(own.value("start", "")),
            std::to_string(eve.at("alert").value("severity", 0)),
            own.value("detector", ""),
            who(eve),
            target(eve),
            observed(own),
            merged ? "part of " + own.value("merged_into", "") : own.value("state", "")};
}

void print_wrapped(const std::string &text)
{
    std::string line;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!line.empty() && line.size() + 1 + word.size() > page_width) {
            print_line(line);
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
        at = end + 1;
    }
    if (!line.empty())
        print_line(line);
}

std::string joined(const Json &list)
{
    std::string text;
    for (const Json &each : list)
        text += (text.empty() ? "" : ", ") + clean(each.get<std::string>());
    return text;
}

void print_fact(const char *name, const std::string &value)
{
    if (!value.empty())
        print_line(fmt::format("{:<11}{}", name, value));
}

void print_evidence(const Json &evidence)
{
    if (evidence.empty())
        return;
    print_line("");
    Table table({{"PROTO"}, {"SOURCE"}, {"TARGET"}, {"PACKETS", Align::Right}, {"BYTES", Align::Right}});
    const auto end = [](const Json &each, const char *ip, const char *port) {
        return fmt::format("{} {}", each.value(ip, ""), each.value(port, 0));
    };
    for (const Json &each : evidence)
        table.add({each.value("proto", ""), end(each, "src_ip", "src_port"), end(each, "dest_ip", "dest_port"),
                   format_count(each.value("packets", 0.0)), format_bytes(each.value("bytes", 0.0))});
    table.print();
}

void print_page(const Json &eve)
{
    const Json &alert = eve.at("alert");
    const Json &own = eve.at("flowguard");
    const std::string unit = words(own, "unit");
    print_line(fmt::format("{} ({}, severity {}, {})", words(alert, "signature"), words(own, "detector"),
                           alert.value("severity", 0), words(own, "state")));
    print_line("");
    print_wrapped(words(own, "explanation"));
    print_line("");
    print_fact("id", words(own, "incident_id"));
    print_fact("start", words(own, "start"));
    print_fact("last seen", words(own, "last"));
    print_fact("who", clean(who(eve)));
    print_fact("target", clean(target(eve)));
    print_fact(
        "observed",
        fmt::format("{}, expected at most {}{}", clean(observed(own)), quantity(own.value("expected", 0.0), unit),
                    own.value("factor", 0.0) > 0 ? fmt::format(", factor {:.3g}", own.value("factor", 0.0)) : ""));
    print_fact("what", words(own, "metric"));
    print_fact("sources", joined(own.value("sources", Json::array())));
    print_fact("targets", joined(own.value("targets", Json::array())));
    print_fact("also", joined(own.value("related", Json::array())));
    print_fact("part of", words(own, "merged_into"));
    print_fact("ATT&CK", joined(own.value("attack", Json::array())));
    print_fact("do", words(own, "suggestion"));
    print_evidence(own.value("evidence", Json::array()));
}

Result<std::vector<Json>> fetch(const Context &context, const Query &query)
{
    std::vector<Json> list;
    const auto done = context.client().lines("/v1/incidents", query, [&list](std::string_view line) {
        if (Json eve = Json::parse(line, nullptr, false); eve.is_object() && eve.contains("flowguard"))
            list.push_back(std::move(eve));
        return true;
    });
    return done ? Result<std::vector<Json>>(std::move(list)) : std::unexpected(done.error());
}

void print_list(const Context &context, const std::vector<Json> &list)
{
    if (context.json) {
        for (const Json &eve : list)
            print_json(eve);
        return;
    }
    Table table = make_table();
    for (const Json &eve : list)
        table.add(row(eve));
    table.print();
}

/// What there is, then each change, until the reader or the daemon goes away.
Result<void> follow(const Context &context, const Query &query)
{
    const auto status = context.client().get("/v1/status");
    if (!status)
        return std::unexpected(status.error());
    auto revision = status->at("incidents").value("revision", std::uint64_t{0});
    auto list = fetch(context, query);
    for (bool first = true;; first = false) {
        if (!list)
            return std::unexpected(list.error());
        for (const Json &eve : *list)
            revision = std::max(revision, eve.at("flowguard").value("revision", std::uint64_t{0}));
        if (first || context.json)
            print_list(context, *list);
        else
            for (const Json &eve : *list)
                print_line(fmt::format("{}", fmt::join(row(eve), "  ")));
        if (std::fflush(stdout) != 0)
            return {};
        list = fetch(context, {{"after", std::to_string(revision)}});
    }
}

Result<void> show_one(const Context &context, const std::string &id)
{
    const auto list = fetch(context, {{"id", id}});
    if (!list)
        return std::unexpected(list.error());
    if (list->empty())
        return fail(ExitCode::Failed, fmt::format("there is no incident '{}': 'flowguard incidents' lists them", id));
    if (list->size() > 1)
        return fail(ExitCode::Usage,
                    fmt::format("{} incidents begin with '{}': give more of the id", list->size(), id));
    if (context.json)
        print_json(list->front());
    else
        print_page(list->front());
    return {};
}

Result<void> run(const Context &context, const Options &options)
{
    if (!options.id.empty())
        return show_one(context, options.id);
    Query query{{"open", options.open ? "1" : "0"}};
    if (!options.since.empty()) {
        const auto age = parse_duration(options.since);
        if (!age)
            return std::unexpected(age.error());
        query["since"] = std::to_string(age->count());
    }
    if (options.follow)
        return follow(context, query);
    const auto list = fetch(context, query);
    if (!list)
        return std::unexpected(list.error());
    if (list->empty() && !context.json)
        print_line(options.open ? "no open incidents" : "no incidents");
    else
        print_list(context, *list);
    return {};
}

} // namespace

Run build_incidents(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    auto *id = command.add_option("id", options->id, "One incident in full; the beginning of its id will do");
    command.add_flag("--open", options->open, "Only those that go on")->excludes(id);
    command.add_option("--since", options->since, "Only those seen within this time: 24h, 7d")->excludes(id);
    command.add_flag("--follow", options->follow, "Then go on and print each change")->excludes(id);
    return [options](const Context &context) { return run(context, *options); };
}

} // namespace flowguard
