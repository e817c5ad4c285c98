// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include "flowguard/abi/parser.h"

namespace flowguard {

std::uint64_t payload_bytes(const FlowKey &key, const Volume &volume, const Sent &sent, const Sent &ever)
{
    constexpr std::uint32_t ethernet = 14;
    constexpr std::uint32_t timestamps = 12; ///< a TCP option
    constexpr std::uint64_t syn_options = 20;
    const std::uint32_t network = key.client.is_v4() ? 20 : 40;
    const bool tcp = key.proto == FG_PROTO_TCP;
    const std::uint32_t least = ethernet + network + (tcp ? 20 : 8);
    /* TCP's shortest packet is an acknowledgement mostly; one without options is padded to 60 bytes by Ethernet. */
    const std::uint32_t header = tcp ? std::clamp(ever.min_length, least, least + timestamps) : least;
    const std::uint64_t headers = volume.packets * header + (sent.tcp.syn + sent.tcp.syn_ack) * syn_options;
    return volume.bytes > headers ? volume.bytes - headers : 0;
}

} // namespace flowguard
