// SPDX-License-Identifier: Apache-2.0
/* allow, limit and rules: through the daemon, or as root straight on the pinned maps. */
#include "flowguard/api/message.h"
#include "flowguard/cli/output.h"
#include "flowguard/cli/rule_options.h"
#include "flowguard/daemon/daemon.h"

#include <fmt/format.h>

#include <memory>

namespace flowguard {
namespace {

Result<Json> list(const Context &context)
{
    return or_without_daemon(context.client().get("/v1/rules"), [&] { return rules_without_daemon(context.paths); });
}

Result<Json> add(const Context &context, const Json &request)
{
    return or_without_daemon(context.client().post("/v1/rules", request),
                             [&] { return add_rule_without_daemon(context.paths, request); });
}

Result<Json> remove(const Context &context, const std::string &action, const std::string &which, bool dry_run)
{
    return or_without_daemon(context.client().remove("/v1/rules/" + percent_encode(which),
                                                     {{"action", action}, {"dry_run", dry_run ? "1" : "0"}}),
                             [&] { return remove_rules_without_daemon(context.paths, action, which, dry_run); });
}

/// With --json the rules of this action alone, too.
Result<void> show_list(const Context &context, const std::string &action)
{
    auto answer = list(context);
    if (answer) {
        Json kept = Json::array();
        for (Json &rule : answer->at("rules"))
            if (rule.at("action") == action)
                kept.push_back(std::move(rule));
        (*answer)["rules"] = std::move(kept);
        (*answer)["count"] = answer->at("rules").size();
    }
    return show(context, answer, [&](const Json &json) { print_rules(json, action); });
}

struct LimitOptions {
    RuleOptions rule;
    std::string service;
    std::string rate;
    std::string burst;
    std::string per;
    std::string remove;
    std::string to;
    bool new_connections = false;
};

Result<Json> limit_request(const LimitOptions &options)
{
    auto request = options.rule.request();
    if (!request)
        return request;
    (*request)["action"] = "limit";
    if (!options.to.empty()) {
        (*request)["target"] = options.to;
        request->emplace("directions", "out");
    }
    for (const auto &[name, value] : {std::pair("service", &options.service),
                                      {"rate", &options.rate},
                                      {"burst", &options.burst},
                                      {"per", &options.per}})
        if (!value->empty())
            (*request)[name] = *value;
    (*request)["new_connections"] = options.new_connections;
    return request;
}

} // namespace

Run build_allow(CLI::App &command)
{
    struct Options {
        RuleOptions rule;
        std::string remove;
    };
    auto options = std::make_shared<Options>();
    auto *target = command.add_option("target", options->rule.target,
                                      "An address, a prefix, or 'any' with a condition; without: list what is allowed");
    command.add_option("--remove", options->remove, "Take back what was allowed: a target, or an id from the list")
        ->excludes(target);
    options->rule.add_to(command, "both");
    return [options](const Context &context) -> Result<void> {
        if (!options->remove.empty())
            return show(context, remove(context, "allow", options->remove, options->rule.dry_run),
                        [](const Json &json) { print_change(json, "no longer allowed:", "was not allowed:"); });
        if (options->rule.target.empty())
            return show_list(context, "allow");
        auto request = options->rule.request();
        if (!request)
            return std::unexpected(request.error());
        (*request)["action"] = "allow";
        return show(context, add(context, *request),
                    [](const Json &json) { print_change(json, "allowed", "already allowed:"); });
    };
}

Run build_limit(CLI::App &command)
{
    auto options = std::make_shared<LimitOptions>();
    command.add_option("--service", options->service, "A service like tcp/22: short for --proto and --port");
    auto *from = command.add_option("--from", options->rule.target, "Only what comes from this address or prefix");
    command.add_option("--to", options->to, "Only what goes to this address or prefix")->excludes(from);
    auto *rate = command.add_option("--rate", options->rate, "10/s, 600/min, 10Mbit/s, 1MB/s");
    command.add_option("--burst", options->burst, "Packets or bytes at once; without: what comes in a second");
    command.add_option("--per", options->per, "'source' (each has its own, the default) or 'total'");
    command.add_flag("--new-connections", options->new_connections, "Count TCP's SYN alone: what is open goes on");
    command.add_option("--remove", options->remove, "Lift limits: of a service, or an id from the list")
        ->excludes(rate);
    options->rule.add_to(command, "in");
    return [options](const Context &context) -> Result<void> {
        if (!options->remove.empty())
            return show(context, remove(context, "limit", options->remove, options->rule.dry_run),
                        [](const Json &json) { print_change(json, "no longer limited:", "was not limited:"); });
        if (options->rate.empty()) {
            if (!options->service.empty())
                return fail(ExitCode::Usage, "a limit needs '--rate', like 10/s");
            return show_list(context, "limit");
        }
        const auto request = limit_request(*options);
        if (!request)
            return std::unexpected(request.error());
        return show(context, add(context, *request),
                    [](const Json &json) { print_change(json, "limited", "already limited:"); });
    };
}

Run build_rules(CLI::App &command)
{
    auto format = std::make_shared<std::string>();
    command.add_option("--export", *format, "Write it for another firewall: nft, iptables or ip6tables");
    return [format](const Context &context) -> Result<void> {
        if (format->empty())
            return show(context, list(context), [](const Json &json) { print_rules(json, ""); });
        const auto answer = or_without_daemon(context.client().get("/v1/rules", {{"export", *format}}),
                                              [&] { return export_rules_without_daemon(context.paths, *format); });
        return show(context, answer, [](const Json &json) { fmt::print("{}", json.value("text", "")); });
    };
}

} // namespace flowguard
