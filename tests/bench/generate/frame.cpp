// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <string>

namespace flowguard::bench {
namespace {

constexpr unsigned ethernet_length = 14;
constexpr unsigned min_ethernet_frame = 60; // without the check sequence
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t ttl = 64;

unsigned network_length(bool ipv6) { return ipv6 ? 40 : 20; }
unsigned transport_length(bool tcp) { return tcp ? 20 : 8; }

using Bytes = std::array<std::uint8_t, FG_FRAME_WORDS * 8>;

void put16(Bytes &bytes, unsigned at, unsigned value)
{
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// RFC 1071, unfolded; the length is even.
std::uint32_t sum16(std::span<const std::uint8_t> bytes)
{
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    return sum;
}

/// The prefix with all other bits 0.
std::array<std::uint8_t, 16> network_of(const SourcePrefix &prefix)
{
    auto bytes = prefix.base.bytes();
    const unsigned fixed = 128 - prefix.host_bits();
    for (unsigned bit = fixed; bit < 128; bit++)
        bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
    return bytes;
}

void put_ipv4(Bytes &bytes, const FrameOptions &options)
{
    constexpr unsigned at = ethernet_length;
    put16(bytes, at - 2, 0x0800);
    bytes[at] = 0x45;
    put16(bytes, at + 2, options.size - ethernet_length);
    put16(bytes, at + 6, 0x4000); // do not fragment
    bytes[at + 8] = ttl;
    bytes[at + 9] = options.tcp_syn ? protocol_tcp : protocol_udp;
    std::copy_n(options.destination.bytes().begin() + 12, 4, bytes.begin() + at + 16);
}

void put_ipv6(Bytes &bytes, const FrameOptions &options)
{
    constexpr unsigned at = ethernet_length;
    put16(bytes, at - 2, 0x86dd);
    bytes[at] = 0x60;
    put16(bytes, at + 4, options.size - ethernet_length - network_length(true));
    bytes[at + 6] = options.tcp_syn ? protocol_tcp : protocol_udp;
    bytes[at + 7] = ttl;
    std::ranges::copy(network_of(options.source), bytes.begin() + at + 8);
    std::fill_n(bytes.begin() + at + 20, 4, std::uint8_t{0}); // each frame brings its own
    std::ranges::copy(options.destination.bytes(), bytes.begin() + at + 24);
}

void put_transport(Bytes &bytes, unsigned at, const FrameOptions &options)
{
    put16(bytes, at + 2, options.destination_port);
    if (!options.tcp_syn) {
        put16(bytes, at + 4, options.size - at);
        return;
    }
    bytes[at + 12] = 5 << 4; // header length in words
    bytes[at + 13] = 0x02;   // SYN
    put16(bytes, at + 14, 0xffff);
}

} // namespace

unsigned SourcePrefix::host_bits() const { return std::min((base.is_v4() ? 32U : 128U) - length, 32U); }

Result<SourcePrefix> parse_prefix(std::string_view text)
{
    const std::size_t slash = text.find('/');
    auto address = IpAddress::parse(text.substr(0, slash));
    if (!address)
        return std::unexpected(address.error());
    const unsigned longest = address->is_v4() ? 32 : 128;
    SourcePrefix prefix{*address, longest};
    if (slash == std::string_view::npos)
        return prefix;
    const char *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, prefix.length);
    if (error != std::errc{} || stop != end || prefix.length > longest)
        return fail(ExitCode::Usage,
                    fmt::format("'{}' is not a prefix: after the slash comes a number from 0 to {}", text, longest));
    return prefix;
}

Result<MacAddress> parse_mac(std::string_view text)
{
    MacAddress mac;
    const auto wrong = fail(ExitCode::Usage, fmt::format("'{}' is not a MAC address: write it like "
                                                         "02:00:00:00:00:01",
                                                         text));
    if (text.size() != 17)
        return wrong;
    for (std::size_t i = 0; i < mac.size(); i++) {
        const char *digits = text.data() + i * 3;
        const auto [stop, error] = std::from_chars(digits, digits + 2, mac[i], 16);
        if (error != std::errc{} || stop != digits + 2 || (i < 5 && *stop != ':'))
            return wrong;
    }
    return mac;
}

/// Headers are written in whole words, so the frame must hold the last one.
unsigned min_frame_size(bool ipv6, bool tcp_syn)
{
    const unsigned headers = ethernet_length + network_length(ipv6) + transport_length(tcp_syn);
    return std::max(min_ethernet_frame, (headers + 7) / 8 * 8);
}

fg_frame make_frame(const FrameOptions &options)
{
    const bool ipv6 = !options.destination.is_v4();
    const unsigned transport_at = ethernet_length + network_length(ipv6);
    const unsigned transport = transport_length(options.tcp_syn);
    const auto network = network_of(options.source);
    Bytes bytes{};
    std::ranges::copy(options.destination_mac, bytes.begin());
    std::ranges::copy(options.source_mac, bytes.begin() + 6);
    if (ipv6)
        put_ipv6(bytes, options);
    else
        put_ipv4(bytes, options);
    put_transport(bytes, transport_at, options);

    fg_frame frame{};
    frame.used_words = (transport_at + transport + 7) / 8;
    frame.source_offset = ethernet_length + (ipv6 ? 20 : 12);
    frame.port_offset = transport_at;
    frame.checksum_offset = transport_at + (options.tcp_syn ? 16 : 6);
    frame.ip_checksum_offset = ipv6 ? 0 : ethernet_length + 10;
    frame.ip_sum = sum16(std::span(bytes).subspan(ethernet_length, 20));
    const std::size_t addresses = ipv6 ? 32 : 8;
    frame.sum = sum16(std::span(bytes).subspan(transport_at - addresses, addresses + transport)) +
                (options.tcp_syn ? protocol_tcp : protocol_udp) + options.size - transport_at;
    frame.source = sum16(std::span(network).subspan(14, 2)) | sum16(std::span(network).subspan(12, 2)) << 16;
    frame.host_bits = options.source.host_bits();
    std::memcpy(frame.words, bytes.data(), bytes.size());
    return frame;
}

} // namespace flowguard::bench
