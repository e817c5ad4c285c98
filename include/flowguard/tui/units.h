// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace flowguard {

enum class RateUnit { Bits, Bytes };

/// Three significant digits and a decimal prefix, at most six characters below 1000 E: 0, <1b, 812b, 1.24Mb; as bytes
/// 155kB. A number that is negative or not finite is `?` in all functions here.
std::string format_rate(double bits_per_second, RateUnit unit);
std::string format_bytes(double bytes); ///< 0, 812B, 1.24GB
std::string format_count(double count); ///< 0, 0.5, 812, 1.24k

/// The two largest units: 42s, 5m12s, 3h07m, 2d04h, 120d.
std::string format_duration(double seconds);

/// Per cent with two decimals, never rounded to 100%: only exactly 1.0 is 100%.
std::string format_share(double share);

} // namespace flowguard
