// SPDX-License-Identifier: Apache-2.0
/* Any bytes parse into a key that is within bounds and that both directions of a flow agree on. */
#include "flowguard/abi/tunnel.h"
#include "flowguard/core/biflow.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

void require(bool holds)
{
    if (!holds)
        std::abort();
}

fg_packet parse(const std::vector<std::uint8_t> &bytes, fg_link link)
{
    fg_packet packet{};
    const fg_cursor frame{bytes.data(), bytes.data() + bytes.size()};
    fg_cursor cursor = frame;
    fg_parse_network(&cursor, &packet, link);
    fg_parse_transport(&cursor, &packet);
    require(cursor.position >= bytes.data() && cursor.position <= bytes.data() + bytes.size());
    return packet;
}

fg_flow_key answer_to(const fg_flow_key &key)
{
    fg_flow_key answer = key;
    std::swap_ranges(answer.src, answer.src + sizeof answer.src, answer.dst);
    if (!flowguard::is_icmp(key.proto))
        std::swap(answer.sport, answer.dport);
    return answer;
}

void check(const fg_flow_key &key)
{
    require(key.kind >= FG_KIND_IPV4 && key.kind <= FG_KIND_MALFORMED);
    require(key.vlan[0] <= FG_VLAN_ID_MASK && key.vlan[1] <= FG_VLAN_ID_MASK);
    require(!(key.flags & FG_KEY_NO_PORTS) || (key.sport == 0 && key.dport == 0));
    const auto one = flowguard::biflow_key(key);
    const auto other = flowguard::biflow_key(answer_to(key));
    require(std::memcmp(&one.key, &other.key, sizeof one.key) == 0);
}

/* Each tunnel taken off leaves an IP flow deeper in the packet; one that is not there leaves everything as it was. */
void check_tunnels(const std::vector<std::uint8_t> &bytes, fg_packet packet)
{
    const fg_cursor frame{bytes.data(), bytes.data() + bytes.size()};
    for (;;) {
        const fg_packet outer = packet;
        if (!fg_decapsulate(frame, &packet)) {
            require(std::memcmp(&outer, &packet, sizeof outer) == 0);
            return;
        }
        check(packet.key);
        require(packet.key.kind <= FG_KIND_IPV6 && (packet.key.flags & FG_KEY_TUNNELED));
        /* IPv4 options that are cut off are not stepped over, and then nothing is looked for behind them. */
        const unsigned least = packet.key.flags & FG_KEY_TRUNCATED ? 0 : 20;
        require(packet.header_length >= outer.header_length + least);
        require(packet.vlans == outer.vlans &&
                std::memcmp(packet.key.vlan, outer.key.vlan, sizeof outer.key.vlan) == 0);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    /* A copy of exactly this size, so that the address sanitizer sees a byte read beyond it. */
    std::vector<std::uint8_t> bytes;
    bytes.reserve(std::max<std::size_t>(size, 1)); /* an empty packet has an address, too */
    bytes.assign(data, data + size);
    for (const auto link : {FG_LINK_ETHERNET, FG_LINK_RAW_IP}) {
        const fg_packet packet = parse(bytes, link);
        check(packet.key);
        require(!(packet.key.flags & FG_KEY_TUNNELED));
        check_tunnels(bytes, packet);
    }
    return 0;
}
