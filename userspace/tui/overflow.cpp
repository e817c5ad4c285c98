// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/overflow.h"

#include "flowguard/tui/document.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {

std::string overflow_target(const Json &aggregate)
{
    if (has(aggregate, "ether_type"))
        return fmt::format("EtherType 0x{:04x}", static_cast<unsigned>(number_at(aggregate, {"ether_type"})));
    if (!has(aggregate, "proto"))
        return "everything else";
    const bool tx = has(aggregate, "src_ip");
    std::string name = text_at(aggregate, "proto");
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const char *port = tx ? "src_port" : "dest_port";
    if (has(aggregate, port))
        name += fmt::format("/{:.0f}", number_at(aggregate, {port}));
    return fmt::format("{} of {}", name, text_at(aggregate, tx ? "src_ip" : "dest_ip"));
}

std::string describe_overflow(const Json &aggregate)
{
    const auto number = [&](const char *key) { return number_at(aggregate, {"flowguard", key}); };
    const bool tx = aggregate.contains("flowguard") && text_at(aggregate.at("flowguard"), "direction") == "tx";
    return fmt::format(
        "{} {}, {} packets{} {} about {} addresses, {}/s", tx ? "from" : "to", overflow_target(aggregate),
        format_count(number("packets")),
        number("dropped_packets") > 0 ? fmt::format(" ({} dropped)", format_count(number("dropped_packets"))) : "",
        tx ? "to" : "from", format_count(number("remote_addresses")), format_count(number("rate_pps")));
}

} // namespace flowguard
