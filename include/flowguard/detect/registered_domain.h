// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace flowguard {

/// The end of a DNS name that somebody registered, by the public suffix list: "example.co.uk" of "www.example.co.uk".
/// Of names under no public suffix ("a.printer.lan"): the last two labels. Empty: there is nothing before the suffix.
std::string_view registered_domain(std::string_view name);

/// Does the name end in a suffix of the public suffix list? "lan" and "corp" are none.
bool has_public_suffix(std::string_view name);

} // namespace flowguard
