// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/locality.h"

#include <algorithm>

namespace flowguard {

Locality::Locality(std::vector<IpPrefix> prefixes, std::set<IpAddress> own)
    : prefixes_(std::move(prefixes)),
      own_(std::move(own))
{
}

bool Locality::is_private(const IpAddress &address)
{
    const auto &bytes = address.bytes();
    if (!address.is_v4()) {
        const bool unique_local = (bytes[0] & 0xfe) == 0xfc;                   /* RFC 4193 */
        const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; /* RFC 4291 */
        return unique_local || link_local || address.is_loopback();
    }
    const std::uint8_t a = bytes[12];
    const std::uint8_t b = bytes[13];
    return a == 10 || (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) || /* RFC 1918 */
           (a == 100 && b >= 64 && b < 128) ||                                     /* RFC 6598 */
           (a == 169 && b == 254) ||                                               /* RFC 3927 */
           address.is_loopback();
}

bool Locality::is_ours(const IpAddress &address) const
{
    if (own_.contains(address))
        return true;
    if (prefixes_.empty())
        return is_private(address);
    return std::ranges::any_of(prefixes_, [&](const IpPrefix &prefix) { return prefix.contains(address); });
}

Locality::Direction Locality::direction(const FlowKey &key) const
{
    const bool client = is_ours(key.client);
    const bool server = is_ours(key.server);
    if (client)
        return server ? Direction::Internal : Direction::Out;
    return server ? Direction::In : Direction::Between;
}

} // namespace flowguard
