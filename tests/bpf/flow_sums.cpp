// SPDX-License-Identifier: Apache-2.0
#include "flow_sums.h"

#include "flowguard/abi/tunnel.h"
#include "flowguard/core/ip_address.h"

#include <algorithm>
#include <fmt/format.h>
#include <sched.h>
#include <system_error>

namespace flowguard::test {
namespace {

/// Written from the comments of abi/flow.h, not from the kernel's code.
void count_tcp(fg_tcp_counts &counts, unsigned flags)
{
    const bool syn = flags & FG_TCP_SYN;
    const bool ack = flags & FG_TCP_ACK;
    counts.syn += syn && !ack;
    counts.syn_ack += syn && ack;
    counts.fin += (flags & FG_TCP_FIN) != 0;
    counts.rst += (flags & FG_TCP_RST) != 0;
}

std::string describe(const FlowSum &sum)
{
    return fmt::format("packets {} bytes {} lengths {}..{} TCP flags {:#x} SYN {} SYN-ACK {} FIN {} RST {} TTL {}",
                       sum.packets, sum.bytes, sum.min_length, sum.max_length, sum.tcp_flags, sum.tcp.syn,
                       sum.tcp.syn_ack, sum.tcp.fin, sum.tcp.rst, sum.ttl);
}

} // namespace

fg_packet parse_frame(std::span<const std::uint8_t> frame, fg_link link, std::uint8_t slot, bool tunnels)
{
    fg_packet packet{};
    packet.key.slot = slot;
    constexpr std::uint8_t nothing = 0;
    const std::uint8_t *begin = frame.empty() ? &nothing : frame.data(); /* an empty packet has an address, too */
    const fg_cursor whole{begin, begin + frame.size()};
    fg_cursor cursor = whole;
    fg_parse_network(&cursor, &packet, link);
    fg_parse_transport(&cursor, &packet);
    for (int level = 0; tunnels && level < FG_MAX_TUNNELS && fg_decapsulate(whole, &packet); level++) {
    }
    return packet;
}

FlowSum FlowSum::of(const fg_flow_record &record)
{
    return {.packets = record.packets,
            .bytes = record.bytes,
            .tcp = record.tcp,
            .min_length = record.min_length,
            .max_length = record.max_length,
            .tcp_flags = record.tcp_flags,
            .ttl = record.ttl};
}

void FlowSum::add(const fg_packet &packet, std::uint32_t length, std::uint32_t wire_length)
{
    packets++;
    bytes += length;
    wire_bytes += wire_length;
    min_length = std::min(min_length, length);
    max_length = std::max(max_length, length);
    tcp_flags |= packet.tcp_flags;
    ttl = packet.ttl;
    count_tcp(tcp, packet.tcp_flags);
}

std::string describe(const fg_flow_key &key)
{
    return fmt::format("kind {} flags {} vlan {}/{} proto {} {}:{} -> {}:{}", key.kind, key.flags, key.vlan[0],
                       key.vlan[1], key.proto, IpAddress(key.src).to_string(), key.sport,
                       IpAddress(key.dst).to_string(), key.dport);
}

std::vector<std::string> differences(const FlowSums &kernel, const FlowSums &expected)
{
    std::vector<std::string> found;
    for (const auto &[key, sum] : expected) {
        const auto at = kernel.find(key);
        const std::string counted = at == kernel.end() ? "nothing" : describe(at->second);
        if (counted != describe(sum))
            found.push_back(fmt::format("{}: kernel {}; user space {}", describe(key), counted, describe(sum)));
    }
    for (const auto &[key, sum] : kernel)
        if (!expected.contains(key))
            found.push_back(fmt::format("{}: kernel {}; user space nothing", describe(key), describe(sum)));
    return found;
}

void stay_on_this_cpu()
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
}

} // namespace flowguard::test
