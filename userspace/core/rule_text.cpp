// SPDX-License-Identifier: Apache-2.0
/* Rules as they are shown. */
#include "flowguard/core/protocols.h"
#include "flowguard/core/rule_json.h"

#include "rule_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace flowguard {
namespace {

constexpr std::uint32_t both = FG_BLOCK_IN | FG_BLOCK_OUT;

std::string describe_range(const fg_range &range)
{
    return range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
}

std::string describe_flags(std::uint8_t flags)
{
    std::vector<std::string_view> names;
    for (std::size_t bit = 0; bit < tcp_flag_names.size(); bit++)
        if (flags >> bit & 1)
            names.push_back(tcp_flag_names.at(bit));
    return names.empty() ? "NONE" : fmt::format("{}", fmt::join(names, ","));
}

const char *preposition(std::uint32_t directions)
{
    return directions == FG_BLOCK_OUT ? "to" : directions == FG_BLOCK_IN ? "from" : "with";
}

void describe_ports(const fg_match &match, std::vector<std::string> &words)
{
    const bool icmp = is_icmp_rule(match);
    if (match.conditions & FG_MATCH_SPORT)
        words.push_back((icmp ? "type " : "from port ") + describe_range(match.sport));
    if (match.conditions & FG_MATCH_DPORT)
        words.push_back((icmp ? "code " : "to port ") + describe_range(match.dport));
}

void put_match(Json &json, const fg_match &match)
{
    json["target"] = describe_target(match);
    json["directions"] = match.directions == FG_BLOCK_IN ? "in" : match.directions == FG_BLOCK_OUT ? "out" : "both";
    if (match.conditions & FG_MATCH_PROTO)
        json["proto"] = protocol_name(match.proto);
    if (is_icmp_rule(match) && (match.conditions & FG_MATCH_SPORT)) {
        json["icmp_type"] = match.sport.first;
        if (match.conditions & FG_MATCH_DPORT)
            json["icmp_code"] = match.dport.first;
    } else {
        if (match.conditions & FG_MATCH_DPORT)
            json["port"] = describe_range(match.dport);
        if (match.conditions & FG_MATCH_SPORT)
            json["source_port"] = describe_range(match.sport);
    }
    if (match.tcp_mask != 0)
        json["tcp_flags"] = describe_flags(match.tcp_mask) + "/" + describe_flags(match.tcp_flags);
    if (match.length.first != 0)
        json["min_length"] = match.length.first;
    if (match.length.last != 65535)
        json["max_length"] = match.length.last;
    if (match.interface[0] != '\0')
        json["interface"] = match.interface;
}

std::string describe_rate(const fg_rule &rule)
{
    const auto *const period = std::ranges::find(rule_periods, rule.period_ns, &RulePeriod::ns);
    return fmt::format("{}{}/{}", rule.rate, rule.unit == FG_UNIT_BYTES ? "B" : "",
                       period == rule_periods.end() ? "?" : period->name);
}

} // namespace

std::string describe_target(const fg_match &match)
{
    if (const auto remote = remote_of(match))
        return remote->to_string();
    return match.family == FG_FAMILY_V4 ? "0.0.0.0/0" : match.family == FG_FAMILY_V6 ? "::/0" : "any";
}

std::string describe_match(const fg_match &match)
{
    std::vector<std::string> words;
    if (match.directions != both)
        words.emplace_back(match.directions == FG_BLOCK_IN ? "in" : "out");
    if (match.conditions & FG_MATCH_PROTO)
        words.push_back(to_lower(protocol_name(match.proto)));
    if (const std::string target = describe_target(match); target != "any")
        words.push_back(fmt::format("{} {}", preposition(match.directions), target));
    describe_ports(match, words);
    if (match.tcp_mask != 0)
        words.push_back(fmt::format("flags {}/{}", describe_flags(match.tcp_mask), describe_flags(match.tcp_flags)));
    if (match.length.first != 0 || match.length.last != 65535)
        words.push_back(fmt::format("of {}-{} bytes", match.length.first, match.length.last));
    if (match.interface[0] != '\0')
        words.push_back(fmt::format("on {}", match.interface));
    return words.empty() ? "any packet" : fmt::format("{}", fmt::join(words, " "));
}

std::string describe_action(const fg_rule &rule)
{
    if (rule.action != FG_RULE_LIMIT)
        return rule.action == FG_RULE_ALLOW ? "allow" : "block";
    return fmt::format("limit {}to {} (burst {}) {}", rule.unit == FG_UNIT_CONNECTIONS ? "new connections " : "",
                       describe_rate(rule), rule.burst, rule.per_source ? "per source" : "in total");
}

Json rule_to_json(const fg_rule &rule, std::uint64_t boot_ns, std::uint64_t monotonic_ns, TimeNs now)
{
    constexpr std::array units{"packets", "bytes", "connections"};
    Json json{{"id", rule.id},
              {"action", rule_action_names.at(rule.action % rule_action_names.size())},
              {"priority", rule.priority}};
    put_match(json, rule.match);
    if (rule.action == FG_RULE_LIMIT) {
        json["rate"] = describe_rate(rule);
        json["burst"] = rule.burst;
        json["unit"] = units.at(rule.unit % 3);
        json["per"] = rule.per_source ? "source" : "total";
        json["shared_packets"] = rule.shared;
    }
    json["text"] = describe_match(rule.match);
    json["reason"] = rule.reason;
    json["uid"] = rule.uid;
    json["created"] = format_time(static_cast<TimeNs>(rule.created_realtime_ns));
    if (rule.expires_boot_ns != 0) {
        const std::uint64_t left = rule.expires_boot_ns - std::min<std::uint64_t>(boot_ns, rule.expires_boot_ns);
        json["expires"] = format_time(now + static_cast<TimeNs>(left));
        json["remaining_s"] = static_cast<double>(left) / 1e9;
    }
    if (rule.last_hit != 0)
        json["last_hit"] = format_time(
            now - static_cast<TimeNs>(monotonic_ns - std::min<std::uint64_t>(monotonic_ns, rule.last_hit)));
    json["packets"] = rule.packets;
    json["bytes"] = rule.bytes;
    json["dropped_packets"] = rule.dropped_packets;
    json["dropped_bytes"] = rule.dropped_bytes;
    return json;
}

} // namespace flowguard