// SPDX-License-Identifier: Apache-2.0
/*
 * fg-replay FILE...: the flows of captures as the user-space parser sees them, one JSON line each; then one line for
 * each file that says how it was read. Frames of link types that flowguard does not know are not parsed.
 */
#include "capture.h"

#include "../bpf/flow_sums.h"

#include "flowguard/core/ip_address.h"

#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace flowguard::test {
namespace {

using Json = nlohmann::ordered_json;

void print(const Json &json) { fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

Json to_json(const fg_flow_key &key, const FlowSum &sum)
{
    Json json{{"kind", key.kind},       {"proto", key.proto}, {"sport", key.sport},
              {"dport", key.dport},     {"flags", key.flags}, {"vlan", {key.vlan[0], key.vlan[1]}},
              {"packets", sum.packets}, {"bytes", sum.bytes}, {"wire_bytes", sum.wire_bytes}};
    if (key.kind == FG_KIND_IPV4 || key.kind == FG_KIND_IPV6) {
        json["src"] = IpAddress(key.src).to_string();
        json["dst"] = IpAddress(key.dst).to_string();
    }
    return json;
}

bool replay(const char *path)
{
    auto capture = Capture::open(path);
    if (!capture) {
        print({{"file", path}, {"error", capture.error().message}});
        return false;
    }
    FlowSums flows;
    std::uint64_t frames = 0;
    const auto link = capture->link();
    for (Frame frame; capture->next(frame); frames++) {
        if (!link)
            continue;
        const fg_packet packet = parse_frame(frame.bytes, *link);
        flows[packet.key].add(packet, static_cast<std::uint32_t>(frame.bytes.size()), frame.wire_length);
    }
    for (const auto &[key, sum] : flows)
        print(to_json(key, sum));
    print({{"file", path},
           {"link", capture->link_name()},
           {"parsed", link.has_value()},
           {"frames", frames},
           {"damage", capture->damage()}});
    return true;
}

} // namespace
} // namespace flowguard::test

int main(int argc, char **argv)
{
    if (argc < 2) {
        fmt::print(stderr, "usage: fg-replay FILE...\n");
        return 2;
    }
    bool all_read = true;
    for (int i = 1; i < argc; i++)
        all_read &= flowguard::test::replay(argv[i]);
    return all_read ? 0 : 1;
}
