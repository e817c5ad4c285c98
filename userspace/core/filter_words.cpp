// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/filter_words.h"

#include "flowguard/core/ip_address.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <vector>

namespace flowguard {
namespace {

/* pcap-filter(7). */
const std::set<std::string_view> &keywords()
{
    static const std::set<std::string_view> all{
        "aarp",      "addr1",    "addr2",     "addr3",     "addr4",  "ah",      "and",     "arp",        "atalk",
        "broadcast", "byte",     "carp",      "clnp",      "dccp",   "decnet",  "dst",     "es-is",      "esis",
        "esp",       "ether",    "fddi",      "gateway",   "geneve", "greater", "host",    "icmp",       "icmp6",
        "icmpcode",  "icmptype", "icmp6code", "icmp6type", "igmp",   "igrp",    "inbound", "ip",         "ip6",
        "ipx",       "is-is",    "isis",      "iso",       "lat",    "len",     "less",    "link",       "mask",
        "mopdl",     "moprc",    "mpls",      "multicast", "net",    "netbeui", "not",     "or",         "outbound",
        "pim",       "port",     "portrange", "ppp",       "pppoed", "pppoes",  "proto",   "protochain", "radio",
        "rarp",      "sca",      "sctp",      "slip",      "src",    "stp",     "tcp",     "tcpflags",   "tr",
        "udp",       "vlan",     "vrrp",      "wlan"};
    return all;
}

/// Constants of the header fields that the grammar names: icmp-echo, icmp6-neighborsolicit, tcp-syn.
bool is_constant(std::string_view word)
{
    return word.starts_with("icmp-") || word.starts_with("icmp6-") || word.starts_with("tcp-");
}

bool is_number(std::string_view word)
{
    const bool hex = word.starts_with("0x") || word.starts_with("0X");
    unsigned long long value = 0;
    const char *end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
    return error == std::errc() && rest == end;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return parts;
        text.remove_prefix(at + 1);
    }
}

/// 10.1, as in `net 10.1`; four parts are a whole address.
bool is_dotted(std::string_view word)
{
    const auto parts = split(word, '.');
    return parts.size() <= 4 && std::ranges::all_of(parts, [](std::string_view part) {
               return part.size() <= 3 && is_number(part) && !part.starts_with("0x");
           });
}

bool is_mac(std::string_view word)
{
    const auto parts = split(word, ':');
    return parts.size() == 6 && std::ranges::all_of(parts, [](std::string_view part) {
               return !part.empty() && part.size() <= 2 &&
                      std::ranges::all_of(part, [](unsigned char c) { return std::isxdigit(c); });
           });
}

bool is_literal(std::string_view word)
{
    if (const std::size_t slash = word.find('/'); slash != std::string_view::npos)
        return is_literal(word.substr(0, slash)) && is_literal(word.substr(slash + 1));
    const auto all_numbers = [](const auto &parts) { return std::ranges::all_of(parts, is_number); };
    const auto offset_and_size = split(word, ':'); /* ip[6:2] */
    return all_numbers(split(word, '-')) || (offset_and_size.size() == 2 && all_numbers(offset_and_size)) ||
           is_dotted(word) || is_mac(word) || IpAddress::parse(word);
}

/// What follows these is looked up in local tables: port http, proto udp.
bool takes_local_name(std::string_view word)
{
    return word == "port" || word == "portrange" || word == "proto" || word == "protochain";
}

} // namespace

std::optional<std::string> name_in_filter(std::string_view expression)
{
    constexpr std::string_view separators = " \t\r\n()[]=<>!&|+*%^~,";
    std::string_view before;
    for (;;) {
        const std::size_t begin = expression.find_first_not_of(separators);
        if (begin == std::string_view::npos)
            return {};
        expression.remove_prefix(begin);
        const std::string_view word = expression.substr(0, expression.find_first_of(separators));
        expression.remove_prefix(word.size());
        const bool operators_only = std::ranges::none_of(word, [](unsigned char c) { return std::isalnum(c); });
        if (!operators_only && !keywords().contains(word) && !is_constant(word) && !is_literal(word) &&
            !takes_local_name(before))
            return std::string(word);
        before = word;
    }
}

} // namespace flowguard
