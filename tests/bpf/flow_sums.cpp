// SPDX-License-Identifier: Apache-2.0
#include "flow_sums.h"

#include <algorithm>

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

} // namespace

fg_packet parse_frame(std::span<const std::uint8_t> frame, fg_link link, std::uint8_t slot)
{
    fg_packet packet{};
    packet.key.slot = slot;
    fg_cursor cursor{frame.data(), frame.data() + frame.size()};
    fg_parse_network(&cursor, &packet, link);
    fg_parse_transport(&cursor, &packet);
    return packet;
}

void FlowSum::add(const fg_packet &packet, const Frame &frame)
{
    const auto length = static_cast<std::uint32_t>(frame.bytes.size());
    packets++;
    bytes += length;
    wire_bytes += frame.wire_length;
    min_length = std::min(min_length, length);
    max_length = std::max(max_length, length);
    tcp_flags |= packet.tcp_flags;
    ttl = packet.ttl;
    count_tcp(tcp, packet.tcp_flags);
}

} // namespace flowguard::test
