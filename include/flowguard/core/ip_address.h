// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/policy.h"
#include "flowguard/core/error.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace flowguard {

/// An IPv6 address, or an IPv4 one in its mapped form (::ffff:a.b.c.d), as the kernel tables hold them.
class IpAddress {
  public:
    IpAddress() = default;
    explicit IpAddress(const std::uint8_t (&bytes)[16]);
    /// From four bytes in network order.
    static IpAddress from_v4(const std::uint8_t *bytes);
    /// Text without prefix length, zone or surrounding space; an error says what is wrong, with ExitCode::Usage.
    static Result<IpAddress> parse(std::string_view text);

    bool is_v4() const;
    bool is_unspecified() const;   ///< :: or 0.0.0.0/8
    bool is_loopback() const;      ///< ::1 or 127.0.0.0/8
    bool is_multicast() const;     ///< ff00::/8, 224.0.0.0/4, and 255.255.255.255
    std::string to_string() const; ///< RFC 5952; dotted for IPv4

    fg_address to_abi() const;
    const std::array<std::uint8_t, 16> &bytes() const { return bytes_; }
    auto operator<=>(const IpAddress &) const = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
};

} // namespace flowguard
