// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flowguard {
namespace {

constexpr std::array<std::string_view, 7> prefixes{"", "k", "M", "G", "T", "P", "E"};

bool is_amount(double value) { return std::isfinite(value) && value >= 0; }

/// For values of at least 0.5.
std::string scaled(double value, std::string_view unit)
{
    std::size_t prefix = 0;
    /* What would round to 1000 belongs to the next prefix. */
    for (; value >= 999.5 && prefix + 1 < prefixes.size(); prefix++)
        value /= 1000;
    const int decimals = prefix == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f}{}{}", value, decimals, prefixes.at(prefix), unit);
}

std::string with_unit(double value, std::string_view unit)
{
    if (!is_amount(value))
        return "?";
    if (value == 0)
        return "0";
    return value < 1 ? fmt::format("<1{}", unit) : scaled(value, unit);
}

} // namespace

std::string format_rate(double bits_per_second, RateUnit unit)
{
    return unit == RateUnit::Bits ? with_unit(bits_per_second, "b") : with_unit(bits_per_second / 8, "B");
}

std::string format_bytes(double bytes) { return with_unit(bytes, "B"); }

std::string format_count(double count)
{
    if (!is_amount(count))
        return "?";
    if (count > 0 && count < 0.05)
        return "<0.1";
    if (count < 9.95 && count != std::floor(count))
        return fmt::format("{:.1f}", count);
    return count == 0 ? "0" : scaled(count, "");
}

std::string format_duration(double seconds)
{
    if (!is_amount(seconds) || seconds > 1e15)
        return "?";
    const auto s = static_cast<std::uint64_t>(seconds);
    if (s < 60)
        return fmt::format("{}s", s);
    if (s < 3600)
        return fmt::format("{}m{:02}s", s / 60, s % 60);
    if (s < 86400)
        return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
    if (s < 100 * 86400)
        return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
    return fmt::format("{}d", s / 86400);
}

std::string format_share(double share)
{
    if (!is_amount(share))
        return "?";
    if (share == 1.0)
        return "100%";
    const double hundredths = share * 10'000;
    return fmt::format("{:.2f}%", (share < 1 ? std::floor(hundredths) : std::ceil(hundredths)) / 100);
}

} // namespace flowguard
