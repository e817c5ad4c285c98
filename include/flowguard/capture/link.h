// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/parser.h"

#include <cstdint>
#include <span>
#include <string>

namespace flowguard {

/// What lies behind the link header of a frame.
struct LinkPayload {
    enum class Form : std::uint8_t {
        Ethernet, ///< the frame itself, for the parser
        Ip,       ///< an IP packet, of the version that it says
        Typed,    ///< what `ether_type` says
        Opaque,   ///< nothing that is looked into: a link type that is not known, management, encrypted, cut
    };
    Form form = Form::Opaque;
    std::uint16_t ether_type = 0; ///< of Typed
    std::size_t offset = 0;       ///< where it begins
};

LinkPayload open_link(std::uint32_t link_type, std::span<const std::uint8_t> frame);

/// Do we know frames of this link at all?
bool is_known_link(std::uint32_t link_type);
/// libpcap's number for the same link; files have numbers of their own for some.
int datalink_of(std::uint32_t link_type);
/// libpcap's name, "EN10MB", or the number as text.
std::string link_type_name(std::uint32_t link_type);

struct ParsedFrame {
    fg_packet packet{};
    std::size_t payload = 0; ///< where the transport's payload begins in the frame, as far as parsed
};

/// With `tunnels`, the flow inside of a tunnel is taken instead of the tunnel's own.
ParsedFrame parse_frame(std::uint32_t link_type, std::span<const std::uint8_t> frame, bool tunnels);

/// An opaque frame's key has no EtherType, but the link type here.
inline bool is_opaque(const fg_flow_key &key) { return key.kind == FG_KIND_NON_IP && key.sport == 0; }

} // namespace flowguard
