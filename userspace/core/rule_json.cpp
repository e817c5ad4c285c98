// SPDX-License-Identifier: Apache-2.0
/* Rules as they are asked for. */
#include "flowguard/core/rule_json.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/protocols.h"

#include "rule_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace flowguard {
namespace {

constexpr std::uint32_t both = FG_BLOCK_IN | FG_BLOCK_OUT;
constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint32_t highest_priority = 1'000'000;
constexpr std::uint64_t least_byte_burst = 65'536; ///< a merged packet passes as a whole or not at all

/// By fg_rule_action: what a rule gets unless another one is given.
constexpr std::array<std::uint32_t, 4> usual_priority{0, 100, FG_BLOCKLIST_PRIORITY, 300};

std::unexpected<Error> wrong(std::string_view text, std::string_view why)
{
    return fail(ExitCode::Usage, fmt::format("'{}' {}", text, why));
}

template <class Number> std::optional<Number> whole(std::string_view text)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// A string, or a number that was not put into quotes; empty if it is not there.
std::string text_of(const Json &request, const char *name)
{
    const auto found = request.find(name);
    if (found == request.end() || found->is_null())
        return "";
    return found->is_string() ? found->get<std::string>() : found->dump();
}

Result<fg_range> parse_range(std::string_view text, const char *what)
{
    const std::size_t dash = text.find('-');
    const auto first = whole<std::uint16_t>(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : whole<std::uint16_t>(text.substr(dash + 1));
    if (!first || !last || *first > *last)
        return wrong(text, fmt::format("is no {}: write one like 443, or a range like 1000-2000, up to 65535", what));
    return fg_range{*first, *last};
}

Result<void> parse_target(const Json &request, fg_match &match)
{
    const std::string text = text_of(request, "target");
    const bool needed = text_of(request, "action") != "limit" && text_of(request, "service").empty();
    if (text.empty() && needed)
        return fail(ExitCode::Usage, "a target is needed: an address, a prefix, or 'any'");
    if (text.empty() || text == "any")
        return {};
    if (text == "::/0") {
        match.family = FG_FAMILY_V6;
        return {};
    }
    const auto prefix = IpPrefix::parse(text);
    if (!prefix)
        return std::unexpected(prefix.error());
    match.family = prefix->first().is_v4() ? FG_FAMILY_V4 : FG_FAMILY_V6;
    if (text == "0.0.0.0/0")
        return {};
    match.remote.bits = prefix->bits();
    std::ranges::copy(prefix->first().bytes(), match.remote.bytes);
    return {};
}

Result<void> parse_directions(const Json &request, fg_match &match, fg_rule_action action)
{
    const std::string name = text_of(request, "directions");
    if (name == "both" || (name.empty() && action != FG_RULE_LIMIT))
        match.directions = both;
    else if (name == "in" || name.empty())
        match.directions = FG_BLOCK_IN;
    else if (name == "out")
        match.directions = FG_BLOCK_OUT;
    else
        return wrong(name, "is no direction: use in, out or both");
    return {};
}

Result<void> parse_proto(const std::string &text, fg_match &match)
{
    const auto number = protocol_number(text);
    if (!number)
        return wrong(text, "is no protocol: use tcp, udp, icmp, ... or its number");
    match.proto = *number;
    match.conditions |= FG_MATCH_PROTO;
    return {};
}

Result<void> parse_ports(const Json &request, fg_match &match)
{
    if (const std::string text = text_of(request, "port"); !text.empty()) {
        const auto range = parse_range(text, "port");
        if (!range)
            return std::unexpected(range.error());
        match.dport = *range;
        match.conditions |= FG_MATCH_DPORT;
    }
    if (const std::string text = text_of(request, "source_port"); !text.empty()) {
        const auto range = parse_range(text, "port");
        if (!range)
            return std::unexpected(range.error());
        match.sport = *range;
        match.conditions |= FG_MATCH_SPORT;
    }
    const bool ports = match.conditions & (FG_MATCH_SPORT | FG_MATCH_DPORT);
    if (ports && (match.conditions & FG_MATCH_PROTO) && !fg_has_ports(match.proto))
        return wrong(protocol_name(match.proto), "has no ports");
    return {};
}

/// "tcp/22" says both.
Result<void> parse_service(const Json &request, fg_match &match)
{
    const std::string text = text_of(request, "service");
    if (text.empty())
        return {};
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos)
        return wrong(text, "is no service: write one like tcp/22");
    if (auto proto = parse_proto(text.substr(0, slash), match); !proto)
        return proto;
    return parse_ports({{"port", text.substr(slash + 1)}}, match);
}

/// Type and code stand where others have their ports.
Result<void> parse_icmp(const Json &request, fg_match &match)
{
    const std::string text = text_of(request, "icmp_type");
    if (text.empty())
        return {};
    if (match.conditions & (FG_MATCH_SPORT | FG_MATCH_DPORT))
        return wrong(text, "is a type of ICMP, which has no ports");
    const std::size_t slash = text.find('/');
    const auto type = whole<std::uint8_t>(std::string_view(text).substr(0, slash));
    const auto code = slash == std::string::npos ? type : whole<std::uint8_t>(std::string_view(text).substr(slash + 1));
    if (!type || !code)
        return wrong(text, "is no type of ICMP: write a number like 8, or type and code like 3/1");
    if (!(match.conditions & FG_MATCH_PROTO)) {
        match.proto = match.family == FG_FAMILY_V6 ? FG_PROTO_ICMPV6 : FG_PROTO_ICMP;
        match.conditions |= FG_MATCH_PROTO;
    }
    if (match.proto != FG_PROTO_ICMP && match.proto != FG_PROTO_ICMPV6)
        return wrong(protocol_name(match.proto), "has no type of ICMP");
    match.sport = {*type, *type};
    match.conditions |= FG_MATCH_SPORT;
    if (slash != std::string::npos) {
        match.dport = {*code, *code};
        match.conditions |= FG_MATCH_DPORT;
    }
    return {};
}

std::optional<std::uint8_t> parse_flag_list(std::string_view text)
{
    unsigned flags = 0;
    while (!text.empty()) {
        const std::string_view name = text.substr(0, text.find(','));
        const auto *const found = std::ranges::find(tcp_flag_names, name);
        if (found == tcp_flag_names.end())
            return {};
        flags |= 1U << (found - tcp_flag_names.begin());
        text.remove_prefix(std::min(text.size(), name.size() + 1));
    }
    return static_cast<std::uint8_t>(flags);
}

Result<void> use_tcp_flags(std::uint8_t mask, std::uint8_t flags, fg_match &match)
{
    if ((match.conditions & FG_MATCH_PROTO) && match.proto != FG_PROTO_TCP)
        return wrong(protocol_name(match.proto), "has no flags; those are of TCP");
    match.proto = FG_PROTO_TCP;
    match.conditions |= FG_MATCH_PROTO;
    match.tcp_mask = mask;
    match.tcp_flags = flags;
    return {};
}

Result<void> parse_tcp_flags(const Json &request, fg_match &match)
{
    const std::string text = to_upper(text_of(request, "tcp_flags"));
    if (text.empty())
        return {};
    const std::size_t slash = text.find('/');
    const auto mask = parse_flag_list(text.substr(0, slash));
    const std::string set = slash == std::string::npos ? text : text.substr(slash + 1);
    const auto flags = parse_flag_list(set == "NONE" ? "" : set);
    if (!mask || *mask == 0 || !flags || (*flags & ~*mask) != 0)
        return wrong(text, "are no TCP flags: write those that are looked at and those of them that are set, like "
                           "SYN,ACK/SYN");
    return use_tcp_flags(*mask, *flags, match);
}

Result<void> parse_length(const Json &request, fg_match &match)
{
    for (const auto &[name, bound] : {std::pair("min_length", &match.length.first), {"max_length", &match.length.last}})
        if (const std::string text = text_of(request, name); !text.empty()) {
            const auto length = whole<std::uint16_t>(text);
            if (!length)
                return wrong(text, "is no length: write bytes of a frame, up to 65535");
            *bound = *length;
        }
    if (match.length.first > match.length.last)
        return wrong(text_of(request, "min_length"), "is above the greatest length");
    return {};
}

Result<void> parse_interface(const Json &request, fg_match &match)
{
    const std::string name = text_of(request, "interface");
    if (name.size() >= sizeof match.interface)
        return wrong(name, "is no name of an interface: it is too long");
    std::ranges::copy(name, match.interface);
    return {};
}

/// "10/s", "600/min", "10Mbit/s".
Result<void> parse_rate(const Json &request, fg_rule &rule)
{
    const std::string text = text_of(request, "rate");
    const auto no_rate = [&] { return wrong(text, "is no rate: write one like 10/s, 600/min, 10Mbit/s or 1MB/s"); };
    const std::size_t slash = text.find('/');
    double number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + std::min(slash, text.size()), number);
    const auto *const period = slash == std::string::npos
                                   ? rule_periods.end()
                                   : std::ranges::find(rule_periods, std::string_view(text).substr(slash + 1),
                                                       &RulePeriod::name);
    if (error != std::errc() || period == rule_periods.end())
        return no_rate();
    std::string_view unit(rest, text.data() + slash);
    double scale = 1;
    if (!unit.empty() && std::string_view("kKMG").contains(unit[0])) {
        scale = unit[0] == 'M' ? 1e6 : unit[0] == 'G' ? 1e9 : 1e3;
        unit.remove_prefix(1);
    }
    if (unit == "bit")
        scale /= 8;
    rule.unit = unit == "bit" || unit == "B" ? FG_UNIT_BYTES : FG_UNIT_PACKETS;
    const double rate = std::round(number * scale);
    if ((!unit.empty() && rule.unit != FG_UNIT_BYTES) || !(rate >= 1) || rate > 1e12)
        return no_rate();
    rule.rate = static_cast<std::uint64_t>(rate);
    rule.period_ns = period->ns;
    return {};
}

/// Without one, what comes in a second, and at least one.
Result<void> parse_burst(const Json &request, fg_rule &rule)
{
    const std::uint64_t least = rule.unit == FG_UNIT_BYTES ? least_byte_burst : 1;
    const double a_second = static_cast<double>(rule.rate) * static_cast<double>(second_ns) /
                            static_cast<double>(rule.period_ns);
    rule.burst = static_cast<std::uint32_t>(std::clamp(a_second, static_cast<double>(least), 4e9));
    if (const std::string text = text_of(request, "burst"); !text.empty()) {
        const auto burst = whole<std::uint32_t>(text);
        if (!burst || *burst < least)
            return wrong(text, fmt::format("is no burst: write a whole number of {}, at least {}",
                                           rule.unit == FG_UNIT_BYTES ? "bytes" : "packets", least));
        rule.burst = *burst;
    }
    const double ns = static_cast<double>(rule.burst) * static_cast<double>(rule.period_ns) /
                      static_cast<double>(rule.rate);
    constexpr double longest = 365.0 * 86'400 * 1e9;
    if (ns > longest)
        return fail(ExitCode::Usage, "so great a burst takes more than a year to come back; choose a smaller one");
    /* The cost of each packet is rounded to a nanosecond, so that a burst may take half of one for each. */
    rule.burst_ns = static_cast<std::uint64_t>(std::ceil(ns)) + rule.burst / 2 + 1;
    return {};
}

Result<void> parse_limit(const Json &request, fg_rule &rule)
{
    if (auto rate = parse_rate(request, rule); !rate)
        return rate;
    const std::string per = text_of(request, "per");
    if (!per.empty() && per != "source" && per != "total")
        return wrong(per, "is no kind of limit: use source or total");
    rule.per_source = per != "total";
    if (request.value("new_connections", false)) {
        if (rule.unit == FG_UNIT_BYTES)
            return fail(ExitCode::Usage, "new connections are counted, and have no bytes: write a rate like 10/s");
        rule.unit = FG_UNIT_CONNECTIONS;
        if (rule.match.tcp_mask != 0)
            return fail(ExitCode::Usage,
                        "new connections are told by TCP's SYN without ACK: give no flags beside them");
        if (auto flags = use_tcp_flags(FG_TCP_SYN | FG_TCP_ACK, FG_TCP_SYN, rule.match); !flags)
            return flags;
    }
    return parse_burst(request, rule);
}

Result<void> parse_reason(const Json &request, fg_rule &rule)
{
    const std::string reason = text_of(request, "reason");
    if (reason.size() >= FG_REASON_LENGTH)
        return fail(ExitCode::Usage,
                    fmt::format("the reason is {} bytes long; {} fit", reason.size(), FG_REASON_LENGTH - 1));
    std::ranges::copy(reason, rule.reason);
    return {};
}

Result<void> parse_action(const Json &request, fg_rule &rule)
{
    const std::string name = text_of(request, "action");
    const auto *const found = std::ranges::find(rule_action_names, name);
    const auto action = static_cast<std::size_t>(found - rule_action_names.begin());
    if (action == FG_RULE_NONE || action >= rule_action_names.size())
        return wrong(name, "is no action: use allow, block or limit");
    rule.action = static_cast<std::uint8_t>(action);
    rule.priority = usual_priority.at(action);
    if (const std::string text = text_of(request, "priority"); !text.empty()) {
        const auto priority = whole<std::uint32_t>(text);
        if (!priority || *priority > highest_priority)
            return wrong(
                text, fmt::format("is no priority: write a number up to {}; lower ones come first", highest_priority));
        rule.priority = *priority;
    }
    return {};
}

} // namespace

bool has_conditions(const Json &request)
{
    constexpr std::array names{"proto",     "port",       "source_port", "service",   "icmp_type",
                               "tcp_flags", "min_length", "max_length",  "interface", "priority"};
    return text_of(request, "target") == "any" ||
           std::ranges::any_of(names, [&](const char *name) { return !text_of(request, name).empty(); });
}

Result<fg_rule> parse_rule(const Json &request)
{
    fg_rule rule{};
    fg_match &match = rule.match;
    match.sport = match.dport = match.length = {0, 65535};
    Result<void> parsed = parse_action(request, rule);
    if (parsed)
        parsed = parse_target(request, match);
    if (parsed)
        parsed = parse_directions(request, match, static_cast<fg_rule_action>(rule.action));
    if (const std::string proto = text_of(request, "proto"); parsed && !proto.empty())
        parsed = parse_proto(proto, match);
    for (const auto parse : {parse_service, parse_ports, parse_icmp, parse_tcp_flags, parse_length, parse_interface})
        if (parsed)
            parsed = parse(request, match);
    if (parsed && rule.action == FG_RULE_LIMIT)
        parsed = parse_limit(request, rule);
    if (parsed)
        parsed = parse_reason(request, rule);
    if (!parsed)
        return std::unexpected(parsed.error());
    return rule;
}

} // namespace flowguard
