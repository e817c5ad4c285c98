// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/ip_prefix.h"

#include <fmt/format.h>

#include <charconv>

namespace flowguard {
namespace {

constexpr unsigned v4_offset = 96;

IpAddress masked(const IpAddress &address, unsigned bits)
{
    std::uint8_t bytes[16];
    for (unsigned i = 0; i < 16; i++) {
        const unsigned kept = bits <= i * 8 ? 0 : std::min(bits - i * 8, 8U);
        bytes[i] = static_cast<std::uint8_t>(address.bytes()[i] & (0xff00U >> kept));
    }
    return IpAddress(bytes);
}

} // namespace

IpPrefix::IpPrefix(const IpAddress &address, unsigned bits) : first_(masked(address, bits)), bits_(bits) {}

Result<IpPrefix> IpPrefix::parse(std::string_view text)
{
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address)
        return std::unexpected(address.error());
    if (slash == std::string_view::npos)
        return IpPrefix(*address);
    const std::string_view length = text.substr(slash + 1);
    const unsigned offset = address->is_v4() ? v4_offset : 0;
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc() || end != length.data() + length.size() || bits > 128 - offset)
        return fail(ExitCode::Usage, fmt::format("'{}' is not a prefix: its length is a number from 0 to {}",
                                                 std::string(text), 128 - offset));
    const IpPrefix prefix(*address, bits + offset);
    if (prefix.first() != *address)
        return fail(ExitCode::Usage, fmt::format("'{}' is an address within {}: write one or the other",
                                                 std::string(text), prefix.to_string()));
    if (offset == 0 && prefix.contains(IpAddress::from_v4(address->bytes().data())) && bits < v4_offset)
        return fail(
            ExitCode::Usage,
            fmt::format("'{}' also stands for all of IPv4; name a smaller prefix, like 2000::/3", std::string(text)));
    return prefix;
}

bool IpPrefix::contains(const IpAddress &address) const { return masked(address, bits_) == first_; }

std::string IpPrefix::to_string() const
{
    if (is_host())
        return first_.to_string();
    return fmt::format("{}/{}", first_.to_string(), first_.is_v4() && bits_ >= v4_offset ? bits_ - v4_offset : bits_);
}

} // namespace flowguard
