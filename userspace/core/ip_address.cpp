// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/ip_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace flowguard {
namespace {

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

} // namespace

IpAddress::IpAddress(const std::uint8_t (&bytes)[16]) { std::ranges::copy(bytes, bytes_.begin()); }

IpAddress IpAddress::from_v4(const std::uint8_t *bytes)
{
    IpAddress address;
    std::ranges::copy(mapped, address.bytes_.begin());
    std::copy_n(bytes, 4, address.bytes_.begin() + mapped.size());
    return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text)
{
    const std::string terminated(text);
    std::uint8_t v4[4];
    std::uint8_t v6[16];
    const bool has_nul = text.find('\0') != std::string_view::npos;
    if (!has_nul && inet_pton(AF_INET, terminated.c_str(), v4) == 1)
        return from_v4(v4);
    if (!has_nul && inet_pton(AF_INET6, terminated.c_str(), v6) == 1)
        return IpAddress(v6);
    return fail(ExitCode::Usage,
                fmt::format("'{}' is not an IP address: write it like 192.0.2.7 or 2001:db8::7", terminated));
}

bool IpAddress::is_v4() const { return std::equal(mapped.begin(), mapped.end(), bytes_.begin()); }

bool IpAddress::is_unspecified() const { return is_v4() ? bytes_[12] == 0 : *this == IpAddress(); }

bool IpAddress::is_loopback() const
{
    static constexpr std::uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return is_v4() ? bytes_[12] == 127 : *this == IpAddress(loopback);
}

bool IpAddress::is_multicast() const
{
    if (!is_v4())
        return bytes_[0] == 0xff;
    return bytes_[12] >> 4 == 0xe || std::all_of(bytes_.begin() + 12, bytes_.end(), [](auto b) { return b == 0xff; });
}

std::string IpAddress::to_string() const
{
    char text[INET6_ADDRSTRLEN];
    if (is_v4())
        return inet_ntop(AF_INET, bytes_.data() + mapped.size(), text, sizeof text);
    return inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
}

fg_address IpAddress::to_abi() const
{
    fg_address address;
    std::ranges::copy(bytes_, address.bytes);
    return address;
}

} // namespace flowguard
