// SPDX-License-Identifier: Apache-2.0
#include "regularity.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace flowguard {
namespace {

/// Of sorted values, between neighbours.
double quantile(std::span<const float> sorted, double share)
{
    const double at = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    const double part = at - static_cast<double>(below);
    return static_cast<double>(sorted[below]) * (1 - part) + static_cast<double>(sorted[above]) * part;
}

} // namespace

Regularity Regularity::of(std::span<const float> values)
{
    if (values.empty())
        return {};
    std::vector<float> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    Regularity regularity{.median = quantile(sorted, 0.5)};
    const double low = quantile(sorted, 0.25);
    const double high = quantile(sorted, 0.75);
    /* Quartiles that lie within a few per cent of each other are alike, however askew. */
    if (high - low > 0.05 * regularity.median)
        regularity.skew = std::abs(low + high - 2 * regularity.median) / (high - low);
    const auto bound = static_cast<float>(3 * regularity.median);
    const auto few = std::ranges::upper_bound(sorted, bound) - sorted.begin();
    regularity.within = static_cast<double>(few) / static_cast<double>(sorted.size());
    for (float &each : sorted)
        each = static_cast<float>(std::abs(static_cast<double>(each) - regularity.median));
    std::ranges::sort(sorted);
    regularity.dispersion = regularity.median > 0 ? quantile(sorted, 0.5) / regularity.median : 0;
    return regularity;
}

} // namespace flowguard
