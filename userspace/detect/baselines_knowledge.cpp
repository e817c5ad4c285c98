// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/knowledge.h"

#include <bit>

namespace flowguard {

Knowledge::PeerHash Knowledge::hash_of(const IpAddress &peer)
{
    return std::bit_cast<PeerHash>(std::uint64_t{XXH3_64bits(peer.bytes().data(), peer.bytes().size())});
}

void Knowledge::begin_day(WatchDay today)
{
    constexpr WatchDay kept = 30;
    if (today <= kept)
        return;
    const auto oldest = static_cast<WatchDay>(today - kept);
    peers.forget_before(oldest);
    remote_ports.forget_before(oldest);
    services.forget_before(oldest);
}

} // namespace flowguard
