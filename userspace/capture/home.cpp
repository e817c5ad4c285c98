// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/home.h"

#include "flowguard/capture/link.h"

#include <algorithm>
#include <tuple>

namespace flowguard {
namespace {

/// What systems begin with: Unix, Windows, routers and old ones.
bool is_first_ttl(std::uint8_t ttl) { return ttl == 64 || ttl == 128 || ttl == 255; }

bool is_link_local(const IpAddress &address)
{
    const auto &bytes = address.bytes();
    return address.is_v4() ? bytes[12] == 169 && bytes[13] == 254 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

/// Of a network, as opposed to one link or one host.
bool is_private_network(const IpAddress &address)
{
    return Locality::is_private(address) && !is_link_local(address) && !address.is_loopback();
}

bool is_public(const IpAddress &address)
{
    return !Locality::is_private(address) && !address.is_multicast() && !address.is_unspecified();
}

} // namespace

void HomeGuess::add(const fg_packet &packet)
{
    if (packet.key.kind > FG_KIND_IPV6)
        return;
    const IpAddress source(packet.key.src);
    const IpAddress target(packet.key.dst);
    packets_++;
    with_private_ += is_private_network(source) || is_private_network(target);
    if (is_public(source)) {
        Host &host = hosts_[source];
        host.sent++;
        host.near += is_first_ttl(packet.ttl);
    }
    if (is_public(target))
        hosts_[target].received++;
}

std::optional<IpAddress> HomeGuess::host() const
{
    constexpr std::uint64_t share = 100; /* one stray packet in as many makes no network private */
    if (hosts_.empty() || with_private_ * share >= packets_)
        return {};
    const auto rank = [](const auto &entry) {
        const Host &host = entry.second;
        return std::tuple(2 * host.near >= host.sent, host.sent + host.received, host.near, host.received);
    };
    const auto busiest = std::ranges::max_element(hosts_, [&](const auto &a, const auto &b) {
        return std::pair(rank(a), b.first) < std::pair(rank(b), a.first);
    });
    return busiest->first;
}

std::optional<IpAddress> guess_home(const std::filesystem::path &path, bool tunnels)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return {};
    auto reader = CaptureReader::open(path);
    if (!reader)
        return {};
    HomeGuess guess;
    CapturedPacket packet;
    for (std::uint64_t i = 0; i < HomeGuess::most_packets && reader->next(packet); i++)
        guess.add(parse_frame(packet.link_type, packet.frame, tunnels).packet);
    return guess.host();
}

} // namespace flowguard
