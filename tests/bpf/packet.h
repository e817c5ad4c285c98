// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/ip_address.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard::test {

struct Ipv4Fields {
    std::uint16_t fragment_offset = 0; ///< in units of 8 bytes
    unsigned option_words = 0;
    std::uint8_t version_and_length = 0; ///< 0: the right one
    std::uint8_t ttl = 64;
};

/// Builds a frame from the outside in: Packet().ethernet(0x0800).ipv4("10.0.0.1", "10.0.0.2", 6).tcp(1000, 80, 0x02).
/// Lengths and checksums are not filled in: neither programs nor parser look at them.
class Packet {
  public:
    Packet &ethernet(std::uint16_t type)
    {
        bytes_.insert(bytes_.end(), {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1});
        return word(type);
    }
    /// `type`: what follows the tag.
    Packet &vlan(std::uint16_t id, std::uint16_t type) { return word(id).word(type); }

    using V4 = Ipv4Fields;
    Packet &ipv4(std::string_view source, std::string_view destination, std::uint8_t proto, V4 with = {})
    {
        const auto ihl = static_cast<std::uint8_t>(0x45 + with.option_words);
        byte(with.version_and_length ? with.version_and_length : ihl).byte(0).word(0).word(0);
        word(with.fragment_offset).byte(with.ttl).byte(proto).word(0);
        address(source, 12).address(destination, 12);
        return zeros(with.option_words * 4);
    }
    Packet &ipv6(std::string_view source, std::string_view destination, std::uint8_t next_header)
    {
        byte(0x60).byte(0).word(0).word(0).byte(next_header).byte(64);
        return address(source, 0).address(destination, 0);
    }
    /// Hop-by-hop, routing and destination options all look like this: `units` of 8 bytes beyond the first.
    Packet &extension(std::uint8_t next_header, std::uint8_t units = 0)
    {
        return byte(next_header).byte(units).zeros(6U + units * 8U);
    }
    Packet &fragment(std::uint8_t next_header, std::uint16_t offset)
    {
        return byte(next_header).byte(0).word(static_cast<std::uint16_t>(offset << 3)).zeros(4);
    }
    Packet &tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags)
    {
        return word(source).word(destination).zeros(8).byte(0x50).byte(flags).zeros(6);
    }
    Packet &udp(std::uint16_t source, std::uint16_t destination) { return word(source).word(destination).zeros(4); }
    Packet &vxlan(std::uint8_t flags = 0x08) { return byte(flags).zeros(3).word(0).word(7 << 8); }
    /// RFC 2890: each of checksum (0x8000), key (0x2000) and sequence number (0x1000) adds four bytes.
    Packet &gre(std::uint16_t type, std::uint16_t flags = 0)
    {
        const unsigned words = (flags >> 15 & 1U) + (flags >> 13 & 1U) + (flags >> 12 & 1U);
        return word(flags).word(type).zeros(4 * words);
    }
    Packet &pppoe(std::uint16_t protocol, std::uint8_t version_and_type = 0x11)
    {
        return byte(version_and_type).byte(0).word(1).word(0).word(protocol);
    }
    /// RFC 1661: with the protocol field compressed into one byte.
    Packet &pppoe_short(std::uint8_t protocol) { return byte(0x11).byte(0).word(1).word(0).byte(protocol); }
    Packet &icmp(std::uint8_t type, std::uint8_t code) { return byte(type).byte(code).zeros(6); }
    Packet &zeros(unsigned count)
    {
        bytes_.insert(bytes_.end(), count, 0);
        return *this;
    }
    Packet &raw(const std::vector<std::uint8_t> &payload)
    {
        bytes_.insert(bytes_.end(), payload.begin(), payload.end());
        return *this;
    }
    Packet &cut_to(std::size_t length)
    {
        bytes_.resize(length);
        return *this;
    }

    const std::vector<std::uint8_t> &bytes() const { return bytes_; }

  private:
    Packet &byte(std::uint8_t value)
    {
        bytes_.push_back(value);
        return *this;
    }
    Packet &word(std::uint16_t value)
    {
        return byte(static_cast<std::uint8_t>(value >> 8)).byte(static_cast<std::uint8_t>(value));
    }
    Packet &address(std::string_view text, std::size_t skip)
    {
        const auto parsed = IpAddress::parse(text).value();
        bytes_.insert(bytes_.end(), parsed.bytes().begin() + static_cast<std::ptrdiff_t>(skip), parsed.bytes().end());
        return *this;
    }

    std::vector<std::uint8_t> bytes_;
};

} // namespace flowguard::test
