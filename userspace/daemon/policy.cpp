// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/policy.h"

#include "flowguard/core/rule_json.h"
#include "flowguard/daemon/rules.h"

#include "flowguard/kernel/programs.h"

#include <fmt/format.h>

namespace flowguard {
namespace {

constexpr std::int64_t longest_block_s = 10LL * 365 * 86400;

std::string direction_name(std::uint32_t directions)
{
    return directions == FG_BLOCK_IN ? "in" : directions == FG_BLOCK_OUT ? "out" : "both";
}

Result<std::uint32_t> parse_directions(const std::string &name)
{
    if (name == "in")
        return FG_BLOCK_IN;
    if (name == "out")
        return FG_BLOCK_OUT;
    if (name == "both")
        return FG_BLOCK_IN | FG_BLOCK_OUT;
    return fail(ExitCode::Usage, fmt::format("unknown direction '{}': use in, out or both", name));
}

Result<BlockRequest> parse_request(const Json &request, std::uint32_t uid)
{
    auto target = IpPrefix::parse(request.value("target", ""));
    if (!target)
        return std::unexpected(target.error());
    auto directions = parse_directions(request.value("directions", "both"));
    if (!directions)
        return std::unexpected(directions.error());
    BlockRequest block{.target = *target,
                       .directions = *directions,
                       .lifetime = {},
                       .reason = request.value("reason", ""),
                       .uid = uid};
    if (request.contains("for_s")) {
        const auto lifetime = request.at("for_s").get<std::int64_t>();
        if (lifetime <= 0 || lifetime > longest_block_s)
            return fail(ExitCode::Usage, "a block lasts from 1 second to 10 years");
        block.lifetime = std::chrono::seconds(lifetime);
    }
    return block;
}

Json block_to_json(const Block &block, std::uint64_t boot_ns, TimeNs now)
{
    const fg_block &entry = block.entry;
    Json json{{"id", entry.id},
              {"target", block.target.to_string()},
              {"directions", direction_name(entry.directions)},
              {"reason", entry.reason},
              {"uid", entry.uid},
              {"created", format_time(static_cast<TimeNs>(entry.created_realtime_ns))}};
    if (entry.expires_boot_ns != 0) {
        const std::uint64_t left = entry.expires_boot_ns - boot_ns;
        json["expires"] = format_time(now + static_cast<TimeNs>(left));
        json["remaining_s"] = static_cast<double>(left) / 1e9;
    }
    json["packets"] = entry.packets;
    json["bytes"] = entry.bytes;
    return json;
}

} // namespace

std::optional<std::string> refusal(const IpPrefix &target, const std::vector<Protected> &protect)
{
    const IpAddress &first = target.first();
    if (target.is_host() && first.is_unspecified())
        return "is no single host";
    if (first.is_loopback())
        return "is this host itself";
    if (first.is_multicast())
        return "is a multicast or broadcast address";
    std::vector<Protected> all = protect;
    for (const char *address : {"127.0.0.1", "::1"})
        all.push_back({IpAddress::parse(address).value(), "this host itself"});
    for (const char *address : {"224.0.0.1", "255.255.255.255", "ff02::1"})
        all.push_back({IpAddress::parse(address).value(), "a multicast or broadcast address"});
    for (const Protected &each : all)
        if (target.contains(each.address))
            return target.is_host() ? "is " + each.why
                                    : fmt::format("contains {}, {},", each.address.to_string(), each.why);
    return {};
}

Result<Json> block(Maps &maps, const Json &request, std::uint32_t uid, const std::vector<Protected> &protect)
{
    if (has_conditions(request)) {
        Json rule = request;
        rule["action"] = "block";
        return add_rule(maps, rule, uid, protect);
    }
    auto wanted = parse_request(request, uid);
    if (!wanted)
        return std::unexpected(wanted.error());
    const std::string target = wanted->target.to_string();
    if (const auto why = refusal(wanted->target, protect); why && !request.value("force", false))
        return fail(ExitCode::Refused,
                    fmt::format("{} {} and is protected; '--force' blocks it all the same", target, *why));
    const bool dry_run = request.value("dry_run", false);
    auto change = Blocklist(maps).add(*wanted, boot_time_ns(), real_time_ns(), dry_run);
    if (!change)
        return std::unexpected(change.error());
    return Json{{"changed", change->changed}, {"id", change->id}, {"target", target}, {"dry_run", dry_run}};
}

Result<Json> unblock(Maps &maps, const std::string &target_or_id, bool dry_run)
{
    auto rules = remove_rules(maps, "block", target_or_id, dry_run);
    if (!rules)
        return rules;
    if (target_or_id == "any" || target_or_id == "::/0")
        return rules;
    auto change = Blocklist(maps).remove(target_or_id, boot_time_ns(), dry_run);
    if (!change)
        return std::unexpected(change.error());
    if (rules->at("changed").get<bool>() && !change->changed)
        return rules;
    Json json{{"changed", change->changed}};
    if (change->changed || change->target != IpPrefix())
        json["target"] = change->target.to_string();
    if (change->id != 0)
        json["id"] = change->id;
    json["dry_run"] = dry_run;
    return json;
}

Result<Json> list_blocks(Maps &maps)
{
    const std::uint64_t boot_ns = boot_time_ns();
    auto blocks = Blocklist(maps).list(boot_ns);
    if (!blocks)
        return std::unexpected(blocks.error());
    Json list = Json::array();
    for (const Block &block : *blocks)
        list.push_back(block_to_json(block, boot_ns, real_time_ns()));
    auto rules = list_rules(maps);
    if (!rules)
        return rules;
    for (Json &rule : rules->at("rules"))
        if (rule.at("action") == "block") {
            rule["packets"] = rule.at("dropped_packets");
            rule["bytes"] = rule.at("dropped_bytes");
            list.push_back(std::move(rule));
        }
    const std::size_t count = list.size();
    return Json{{"blocks", std::move(list)}, {"count", count}, {"capacity", maps.control().max_blocks}};
}

} // namespace flowguard
