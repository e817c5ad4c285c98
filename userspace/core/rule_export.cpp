// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rule_export.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/rule_match.h"

#include "rule_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace flowguard {
namespace {

constexpr std::uint32_t link_header = 14; ///< lengths of rules are of frames, theirs of IP packets
constexpr std::array<std::uint8_t, 5> with_ports{FG_PROTO_TCP, FG_PROTO_UDP, FG_PROTO_SCTP, FG_PROTO_DCCP,
                                                 FG_PROTO_UDPLITE};

struct Period {
    std::uint64_t ns;
    std::string_view nft;
    std::string_view iptables;
};
constexpr std::array periods{Period{1'000'000'000, "second", "sec"}, Period{60'000'000'000, "minute", "min"},
                             Period{3'600'000'000'000, "hour", "hour"}, Period{86'400'000'000'000, "day", "day"}};

const Period &period_of(const fg_rule &rule)
{
    const auto *const found = std::ranges::find(periods, rule.period_ns, &Period::ns);
    return found == periods.end() ? periods[0] : *found;
}

std::string range(const fg_range &range, char between)
{
    return range.first == range.last ? fmt::format("{}", range.first)
                                     : fmt::format("{}{}{}", range.first, between, range.last);
}

std::vector<std::string> flags(std::uint8_t bits)
{
    std::vector<std::string> names;
    for (std::size_t bit = 0; bit < tcp_flag_names.size(); bit++)
        if (bits >> bit & 1)
            names.push_back(bit == 6 ? "ecn" : to_lower(std::string(tcp_flag_names.at(bit)))); /* nft's name of ECE */
    return names;
}

/// Bytes a second, and a burst of no less, because that is what both of them take.
std::pair<std::uint64_t, std::uint64_t> byte_rate(const fg_rule &rule)
{
    const double rate = std::ceil(static_cast<double>(rule.rate) * 1e9 / static_cast<double>(rule.period_ns));
    const auto whole = static_cast<std::uint64_t>(std::max(rate, 1.0));
    return {whole, std::max<std::uint64_t>(whole, rule.burst)};
}

/// Of an IP packet, the shortest and the longest.
fg_range ip_length(const fg_range &frame)
{
    const auto shorter = [](std::uint32_t length) {
        return static_cast<std::uint16_t>(length < link_header ? 0 : length - link_header);
    };
    return {shorter(frame.first), frame.last == 65535 ? frame.last : shorter(frame.last)};
}

bool has_length(const fg_match &match) { return match.length.first != 0 || match.length.last != 65535; }

bool is_attached(const Policy &policy, const fg_match &match)
{
    return match.interface[0] == '\0' || std::ranges::count(policy.interfaces, match.interface) > 0;
}

/// Of one direction, in order: rules before the blocklist, the blocklist, the others.
template <class Rule, class Blocklist>
void in_order(const Policy &policy, std::uint32_t direction, Rule rule, Blocklist blocklist)
{
    bool late = false;
    for (const fg_rule &each : policy.rules) {
        if (!late && each.priority >= FG_BLOCKLIST_PRIORITY) {
            blocklist();
            late = true;
        }
        if ((each.match.directions & direction) && is_attached(policy, each.match))
            rule(each);
    }
    if (!late)
        blocklist();
}

class Nft {
  public:
    explicit Nft(const Policy &policy) : policy_(policy) {}

    std::string text()
    {
        chain("in", FG_BLOCK_IN, "prerouting", "-450", "iifname");
        chain("out", FG_BLOCK_OUT, "postrouting", "450", "oifname");
        return fmt::format(
            "# made by 'flowguard rules --export nft'; load it with 'nft -f'. Nothing here ends by itself.\n"
            "table inet flowguard\ndelete table inet flowguard\ntable inet flowguard {{\n{}{}}}\n",
            sets_, chains_);
    }

  private:
    void chain(std::string_view name, std::uint32_t direction, std::string_view hook, std::string_view priority,
               std::string_view device)
    {
        chains_ += fmt::format("    chain {} {{\n        type filter hook {} priority {}; policy accept;\n", name, hook,
                               priority);
        if (!policy_.interfaces.empty())
            chains_ += fmt::format("        {} != {{ \"{}\" }} accept\n", device,
                                   fmt::join(policy_.interfaces, "\", \""));
        const std::string_view side = direction == FG_BLOCK_IN ? "saddr" : "daddr";
        in_order(
            policy_, direction, [&](const fg_rule &rule) { add(rule, name, side, device); },
            [&] { add_blocklist(direction, name, side); });
        chains_ += "    }\n";
    }

    void add(const fg_rule &rule, std::string_view chain, std::string_view side, std::string_view device)
    {
        const bool by_family = rule.action == FG_RULE_LIMIT && rule.per_source;
        for (const std::uint8_t family : {FG_FAMILY_V4, FG_FAMILY_V6}) {
            if (by_family && rule.match.family != FG_FAMILY_ANY && rule.match.family != family)
                continue;
            chains_ += fmt::format("        {}{}counter {} comment \"{}\"\n", conditions(rule.match, side, device),
                                   by_family && rule.match.family == FG_FAMILY_ANY
                                       ? fmt::format("meta nfproto {} ", family == FG_FAMILY_V4 ? "ipv4" : "ipv6")
                                       : "",
                                   verdict(rule, chain, side, family), rule.id);
            if (!by_family)
                return;
        }
    }

    static std::string conditions(const fg_match &match, std::string_view side, std::string_view device)
    {
        std::string text;
        if (match.interface[0] != '\0')
            text += fmt::format("{} \"{}\" ", device, match.interface);
        if (const auto remote = remote_of(match))
            text += fmt::format("{} {} {} ", match.family == FG_FAMILY_V6 ? "ip6" : "ip", side, remote->to_string());
        else if (match.family != FG_FAMILY_ANY)
            text += fmt::format("meta nfproto {} ", match.family == FG_FAMILY_V6 ? "ipv6" : "ipv4");
        const bool ports = match.conditions & (FG_MATCH_SPORT | FG_MATCH_DPORT);
        if (match.conditions & FG_MATCH_PROTO)
            text += fmt::format("meta l4proto {} ", match.proto);
        else if (ports)
            text += fmt::format("meta l4proto {{ {} }} ", fmt::join(with_ports, ", "));
        if (is_icmp_rule(match)) {
            const std::string_view icmp = match.proto == FG_PROTO_ICMP ? "icmp" : "icmpv6";
            if (match.conditions & FG_MATCH_SPORT)
                text += fmt::format("{} type {} ", icmp, match.sport.first);
            if (match.conditions & FG_MATCH_DPORT)
                text += fmt::format("{} code {} ", icmp, match.dport.first);
        } else {
            if (match.conditions & FG_MATCH_SPORT)
                text += fmt::format("th sport {} ", range(match.sport, '-'));
            if (match.conditions & FG_MATCH_DPORT)
                text += fmt::format("th dport {} ", range(match.dport, '-'));
        }
        if (match.tcp_mask != 0)
            text += fmt::format("tcp flags & ({}) == {} ", fmt::join(flags(match.tcp_mask), "|"),
                                match.tcp_flags == 0 ? "0x0"
                                                     : fmt::format("({})", fmt::join(flags(match.tcp_flags), "|")));
        if (has_length(match))
            text += fmt::format("meta length {} ", range(ip_length(match.length), '-'));
        return text;
    }

    std::string verdict(const fg_rule &rule, std::string_view chain, std::string_view side, std::uint8_t family)
    {
        if (rule.action != FG_RULE_LIMIT)
            return rule.action == FG_RULE_ALLOW ? "accept" : "drop";
        const bool bytes = rule.unit == FG_UNIT_BYTES;
        const auto [rate, burst] = byte_rate(rule);
        const std::string limit = bytes ? fmt::format("limit rate over {} bytes/second burst {} bytes", rate, burst)
                                        : fmt::format("limit rate over {}/{} burst {} packets", rule.rate,
                                                      period_of(rule).nft, rule.burst);
        if (!rule.per_source)
            return limit + " counter drop";
        const std::string set = fmt::format("limit_{}_{}_{}", rule.id, chain, family);
        /* Who is forgotten before his bucket is full begins with a full one. */
        const std::uint64_t refill_s = std::max<std::uint64_t>(60, rule.burst_ns / 1'000'000'000 + 1);
        sets_ += fmt::format("    set {} {{ type {}; size 65535; flags dynamic; timeout {}s; }}\n", set,
                             family == FG_FAMILY_V4 ? "ipv4_addr" : "ipv6_addr", refill_s);
        return fmt::format("update @{} {{ {} {} {} }} counter drop", set, family == FG_FAMILY_V4 ? "ip" : "ip6", side,
                           limit);
    }

    void add_blocklist(std::uint32_t direction, std::string_view chain, std::string_view side)
    {
        for (const bool v4 : {true, false}) {
            std::vector<std::string> elements;
            for (const auto &[target, directions] : policy_.blocks)
                if ((directions & direction) && target.first().is_v4() == v4)
                    elements.push_back(target.to_string());
            if (elements.empty())
                continue;
            const std::string set = fmt::format("blocked_{}_{}", chain, v4 ? 4 : 6);
            sets_ += fmt::format("    set {} {{ type {}; flags interval; auto-merge; elements = {{ {} }}; }}\n", set,
                                 v4 ? "ipv4_addr" : "ipv6_addr", fmt::join(elements, ", "));
            chains_ += fmt::format("        {} {} @{} counter drop\n", v4 ? "ip" : "ip6", side, set);
        }
    }

    const Policy &policy_;
    std::string sets_;
    std::string chains_;
};

class Iptables {
  public:
    Iptables(const Policy &policy, bool v4) : policy_(policy), v4_(v4) {}

    std::string text()
    {
        std::string all = fmt::format("# made by 'flowguard rules --export {0}tables'; load it once with "
                                      "'{0}tables-restore --noflush'. Nothing here ends by itself.\n",
                                      v4_ ? "ip" : "ip6");
        all += table("raw", "FLOWGUARD-IN", FG_BLOCK_IN, "PREROUTING", "-i", "-s");
        all += table("mangle", "FLOWGUARD-OUT", FG_BLOCK_OUT, "POSTROUTING", "-o", "-d");
        return all;
    }

  private:
    std::string table(std::string_view name, std::string_view chain, std::uint32_t direction, std::string_view hook,
                      std::string_view device, std::string_view side)
    {
        std::string text = fmt::format("*{}\n:{} - [0:0]\n", name, chain);
        for (const std::string &interface : policy_.interfaces)
            text += fmt::format("-A {} {} {} -j {}\n", hook, device, interface, chain);
        in_order(
            policy_, direction, [&](const fg_rule &rule) { text += lines(rule, chain, device, side); },
            [&] {
                for (const auto &[target, directions] : policy_.blocks)
                    if ((directions & direction) && target.first().is_v4() == v4_)
                        text += fmt::format("-A {} {} {} -j DROP\n", chain, side, target.to_string());
            });
        return text + "COMMIT\n";
    }

    /// A port of any protocol takes a line for each that has ports.
    std::string lines(const fg_rule &rule, std::string_view chain, std::string_view device, std::string_view side) const
    {
        const fg_match &match = rule.match;
        if (match.family != FG_FAMILY_ANY && (match.family == FG_FAMILY_V4) != v4_)
            return "";
        if (is_icmp_rule(match) && (match.proto == FG_PROTO_ICMP) != v4_ && (match.conditions & FG_MATCH_SPORT))
            return "";
        constexpr unsigned unknown_flags = 0xc0; /* ECE and CWR */
        if (match.tcp_mask & unknown_flags)
            return fmt::format("# rule {} looks at flags that iptables does not know\n", rule.id);
        const bool proto = match.conditions & FG_MATCH_PROTO;
        if (proto || !(match.conditions & (FG_MATCH_SPORT | FG_MATCH_DPORT)))
            return line(rule, chain, device, side, proto ? std::optional(match.proto) : std::nullopt);
        std::string text;
        for (const std::uint8_t each : with_ports)
            if (each != FG_PROTO_UDPLITE) /* it has no ports there */
                text += line(rule, chain, device, side, each);
        return text;
    }

    std::string line(const fg_rule &rule, std::string_view chain, std::string_view device, std::string_view side,
                     std::optional<std::uint8_t> proto) const
    {
        const fg_match &match = rule.match;
        std::string text = fmt::format("-A {}", chain);
        if (match.interface[0] != '\0')
            text += fmt::format(" {} {}", device, match.interface);
        if (const auto remote = remote_of(match))
            text += fmt::format(" {} {}", side, remote->to_string());
        if (proto)
            text += fmt::format(" -p {}", name_of(*proto));
        if (is_icmp_rule(match)) {
            if (match.conditions & FG_MATCH_SPORT)
                text += fmt::format(" --icmp{}-type {}{}", v4_ ? "" : "v6", match.sport.first,
                                    match.conditions & FG_MATCH_DPORT ? fmt::format("/{}", match.dport.first) : "");
        } else {
            if (match.conditions & FG_MATCH_SPORT)
                text += fmt::format(" --sport {}", range(match.sport, ':'));
            if (match.conditions & FG_MATCH_DPORT)
                text += fmt::format(" --dport {}", range(match.dport, ':'));
        }
        if (match.tcp_mask != 0)
            text += fmt::format(" --tcp-flags {} {}", upper(match.tcp_mask), upper(match.tcp_flags));
        if (has_length(match))
            text += fmt::format(" -m length --length {}", range(ip_length(match.length), ':'));
        return fmt::format("{}{} -m comment --comment {} -j {}\n", text, limit(rule, side), rule.id,
                           rule.action == FG_RULE_ALLOW ? "RETURN" : "DROP");
    }

    static std::string name_of(std::uint8_t proto)
    {
        switch (proto) {
        case FG_PROTO_TCP:
            return "tcp";
        case FG_PROTO_UDP:
            return "udp";
        case FG_PROTO_ICMP:
            return "icmp";
        case FG_PROTO_ICMPV6:
            return "ipv6-icmp";
        case FG_PROTO_SCTP:
            return "sctp";
        case FG_PROTO_DCCP:
            return "dccp";
        default:
            return fmt::format("{}", proto);
        }
    }

    static std::string upper(std::uint8_t bits)
    {
        return bits == 0 ? "NONE" : to_upper(fmt::format("{}", fmt::join(flags(bits), ",")));
    }

    static std::string limit(const fg_rule &rule, std::string_view side)
    {
        if (rule.action != FG_RULE_LIMIT)
            return "";
        const bool incoming = side == "-s";
        constexpr std::uint64_t least = 16; /* below it the program dies of a division by zero */
        const auto [whole, burst] = byte_rate(rule);
        const std::uint64_t bytes = std::max(whole, least);
        /* It rounds the rate up, and refuses a burst below that. */
        const std::uint64_t most = std::max(burst, bytes + bytes / 8 + 64);
        const std::string rate = rule.unit == FG_UNIT_BYTES ? fmt::format("{}b/s --hashlimit-burst {}b", bytes, most)
                                                            : fmt::format("{}/{} --hashlimit-burst {}", rule.rate,
                                                                          period_of(rule).iptables, rule.burst);
        return fmt::format(" -m hashlimit --hashlimit-name fg-{}-{} --hashlimit-above {}{}", rule.id,
                           incoming ? "in" : "out", rate,
                           !rule.per_source ? ""
                           : incoming       ? " --hashlimit-mode srcip"
                                            : " --hashlimit-mode dstip");
    }

    const Policy &policy_;
    bool v4_;
};

} // namespace

Result<std::string> export_policy(const Policy &policy, std::string_view format)
{
    if (format == "nft")
        return Nft(policy).text();
    if (format == "iptables" || format == "ip6tables")
        return Iptables(policy, format == "iptables").text();
    return fail(ExitCode::Usage, fmt::format("unknown format '{}': use nft, iptables or ip6tables", format));
}

} // namespace flowguard
