// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/ip_address.h"

namespace flowguard {

/// All addresses that begin alike; one address is a prefix of full length.
class IpPrefix {
  public:
    IpPrefix() = default;
    IpPrefix(const IpAddress &address) : first_(address) {} // NOLINT(google-explicit-constructor): an address is one
    /// `bits` of the 128 of the mapped form. Bits beyond them are cleared.
    IpPrefix(const IpAddress &address, unsigned bits);
    /// "192.0.2.7", "192.0.2.0/24", "2001:db8::/32". An error says what is wrong, with ExitCode::Usage; addresses within
    /// a network ("192.0.2.7/24") are one, because either may have been meant.
    static Result<IpPrefix> parse(std::string_view text);

    const IpAddress &first() const { return first_; }
    unsigned bits() const { return bits_; } ///< of the mapped form: 96 more than IPv4's own
    bool is_host() const { return bits_ == 128; }
    bool contains(const IpAddress &address) const;
    std::string to_string() const; ///< without a length for one address
    auto operator<=>(const IpPrefix &) const = default;

  private:
    IpAddress first_;
    unsigned bits_ = 128;
};

} // namespace flowguard
