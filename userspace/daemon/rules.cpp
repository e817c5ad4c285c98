// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/rules.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/rule_export.h"
#include "flowguard/core/rule_json.h"
#include "flowguard/daemon/policy.h"
#include "flowguard/kernel/programs.h"
#include "flowguard/kernel/ruleset.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace flowguard {
namespace {

constexpr std::int64_t longest_rule_s = 10LL * 365 * 86400;

bool is_within(const fg_range &range, std::uint16_t port) { return range.first <= port && port <= range.last; }

/// Could it match anything of the session, whatever port the peer has and whatever flags and length a packet?
bool could_cut(const fg_match &match, const Protected &peer)
{
    const bool v4 = peer.address.is_v4();
    if (match.family != FG_FAMILY_ANY && (match.family == FG_FAMILY_V4) != v4)
        return false;
    if ((match.conditions & FG_MATCH_PROTO) && match.proto != FG_PROTO_TCP)
        return false;
    const bool in = !(match.conditions & FG_MATCH_DPORT) || is_within(match.dport, peer.login_port);
    const bool out = !(match.conditions & FG_MATCH_SPORT) || is_within(match.sport, peer.login_port);
    return ((match.directions & FG_BLOCK_IN) && in) || ((match.directions & FG_BLOCK_OUT) && out);
}

/// A block of an address follows the rules of the blocklist; one of everybody must leave the logins alone.
std::optional<std::string> refusal(const fg_match &match, const std::vector<Protected> &protect)
{
    if (const auto remote = remote_of(match)) {
        const auto why = refusal(*remote, protect);
        return why ? std::optional(fmt::format("{} {}", remote->to_string(), *why)) : std::nullopt;
    }
    for (const Protected &each : protect)
        if (each.login_port != 0 && could_cut(match, each))
            return fmt::format("this could cut SSH with {}, which is {}", each.address.to_string(), each.why);
    return {};
}

Result<RuleRequest> parse_request(const Json &request, std::uint32_t uid)
{
    auto rule = parse_rule(request);
    if (!rule)
        return std::unexpected(rule.error());
    RuleRequest wanted{.rule = *rule, .lifetime = {}};
    wanted.rule.uid = uid;
    if (request.contains("for_s")) {
        const auto lifetime = request.at("for_s").get<std::int64_t>();
        if (lifetime <= 0 || lifetime > longest_rule_s)
            return fail(ExitCode::Usage, "a rule lasts from 1 second to 10 years");
        wanted.lifetime = std::chrono::seconds(lifetime);
    }
    return wanted;
}

bool has_action(const fg_rule &rule, std::string_view action)
{
    return action == (rule.action == FG_RULE_ALLOW ? "allow" : rule.action == FG_RULE_BLOCK ? "block" : "limit");
}

/// By what parse_rule() makes of the words.
Result<std::vector<std::uint32_t>> find_rules(const std::vector<fg_rule> &rules, std::string_view action,
                                              const std::string &which)
{
    if (which.empty())
        return fail(ExitCode::Usage, "say which: a target, or an id from 'flowguard rules'");
    std::vector<std::uint32_t> ids;
    std::uint32_t id = 0;
    const char *end = which.data() + which.size();
    const bool by_id = !which.empty() && std::from_chars(which.data(), end, id).ptr == end;
    const bool by_service = action == "limit" && which.find('/') != std::string::npos &&
                            which.find_first_of(".:") == std::string::npos;
    Result<fg_rule> meant = fg_rule{};
    if (!by_id) {
        Json words{{"action", "allow"}, {by_service ? "service" : "target", which}};
        meant = parse_rule(words);
    }
    if (!meant)
        return std::unexpected(meant.error());
    const auto is_meant = [&](const fg_rule &rule) {
        const fg_match &match = rule.match;
        if (by_id)
            return rule.id == id;
        if (by_service)
            return match.proto == meant->match.proto && match.dport.first == meant->match.dport.first &&
                   match.dport.last == meant->match.dport.last && (match.conditions & FG_MATCH_DPORT);
        return remote_of(match) == remote_of(meant->match) && match.family == meant->match.family;
    };
    for (const fg_rule &rule : rules)
        if (has_action(rule, action) && is_meant(rule))
            ids.push_back(rule.id);
    return ids;
}

} // namespace

Result<Json> add_rule(Maps &maps, const Json &request, std::uint32_t uid, const std::vector<Protected> &protect)
{
    auto wanted = parse_request(request, uid);
    if (!wanted)
        return std::unexpected(wanted.error());
    const fg_match &match = wanted->rule.match;
    if (wanted->rule.action == FG_RULE_BLOCK && !request.value("force", false))
        if (const auto why = refusal(match, protect))
            return fail(ExitCode::Refused, fmt::format("{} and is protected; '--force' blocks it all the same", *why));
    const bool dry_run = request.value("dry_run", false);
    auto rules = Ruleset::open(maps);
    if (!rules)
        return std::unexpected(rules.error());
    const auto change = rules->add(*wanted, boot_time_ns(), real_time_ns(), dry_run);
    if (!change)
        return std::unexpected(change.error());
    return Json{{"changed", change->changed},
                {"id", change->id},
                {"action", describe_action(wanted->rule)},
                {"target", describe_target(match)},
                {"text", describe_match(match)},
                {"dry_run", dry_run}};
}

Result<Json> remove_rules(Maps &maps, std::string_view action, const std::string &which, bool dry_run)
{
    auto rules = Ruleset::open(maps);
    if (!rules)
        return std::unexpected(rules.error());
    const std::uint64_t boot_ns = boot_time_ns();
    const auto ids = find_rules(rules->list(boot_ns), action, which);
    if (!ids)
        return std::unexpected(ids.error());
    if (auto removed = dry_run ? Result<void>() : rules->remove(*ids); !removed)
        return std::unexpected(removed.error());
    Json json{{"changed", !ids->empty()}, {"removed", *ids}};
    if (which.find_first_not_of("0123456789") != std::string::npos)
        json["target"] = which;
    else if (!ids->empty())
        json["id"] = ids->front();
    json["dry_run"] = dry_run;
    return json;
}

Result<Json> list_rules(Maps &maps)
{
    const auto rules = Ruleset::open(maps);
    if (!rules)
        return std::unexpected(rules.error());
    const std::uint64_t boot_ns = boot_time_ns();
    Json list = Json::array();
    for (const fg_rule &rule : rules->list(boot_ns))
        list.push_back(rule_to_json(rule, boot_ns, monotonic_time_ns(), real_time_ns()));
    const std::size_t count = list.size();
    return Json{{"rules", std::move(list)},
                {"count", count},
                {"capacity", FG_MAX_RULES},
                {"blocklist", {{"count", maps.block_count()}, {"priority", FG_BLOCKLIST_PRIORITY}}}};
}

Result<Json> export_rules(Maps &maps, const std::string &format)
{
    const auto rules = Ruleset::open(maps);
    if (!rules)
        return std::unexpected(rules.error());
    const std::uint64_t boot_ns = boot_time_ns();
    const auto blocks = Blocklist(maps).list(boot_ns);
    if (!blocks)
        return std::unexpected(blocks.error());
    Policy policy{.rules = rules->list(boot_ns), .blocks = {}, .interfaces = {}};
    for (const Block &block : *blocks)
        policy.blocks.push_back({block.target, block.entry.directions});
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps.interfaces[slot].ifindex != 0)
            policy.interfaces.emplace_back(maps.interfaces[slot].name);
    const auto text = export_policy(policy, format);
    if (!text)
        return std::unexpected(text.error());
    return Json{{"format", format}, {"text", *text}};
}

Result<RuleCounts> count_rules(Maps &maps)
{
    RuleCounts counts;
    if (__atomic_load_n(&maps.control().rules, __ATOMIC_ACQUIRE) == 0)
        return counts;
    const auto rules = Ruleset::open(maps);
    if (!rules)
        return std::unexpected(rules.error());
    for (const fg_rule &rule : rules->list(boot_time_ns()))
        (rule.action == FG_RULE_ALLOW ? counts.allows : rule.action == FG_RULE_BLOCK ? counts.blocks : counts.limits)++;
    return counts;
}

} // namespace flowguard
