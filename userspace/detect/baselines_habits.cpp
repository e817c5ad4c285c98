// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/habits.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace flowguard {
namespace {

/// Three days: long enough for nights to count, short enough to follow a host that gets another task.
constexpr std::uint32_t memory_hours = 72;
/// Mean absolute deviation of a normal distribution, times this, is its standard deviation.
constexpr double to_deviation = 1.2533;
/// With less in an hour, shares are chance.
constexpr std::uint64_t least_bytes = 100'000;
constexpr double share_floor = 0.02;
constexpr double log_floor = 0.35; ///< a factor of 1.4

} // namespace

void Usual::learn(double value, double floor)
{
    if (hours == 0) {
        location = static_cast<float>(value);
        scale = static_cast<float>(floor);
    } else {
        const double weight = 1.0 / std::min(hours + 1, memory_hours);
        const double most = 3.0 * scale;
        const double step = std::clamp(value - location, -most, most);
        scale = static_cast<float>(std::max(floor, scale + weight * (to_deviation * std::abs(step) - scale)));
        location += static_cast<float>(weight * step);
    }
    hours++;
}

void Habits::fold(std::uint32_t watched, bool first)
{
    const double to_hour = 3600.0 / std::max(watched, 1U);
    constexpr std::uint32_t least_seconds = 600;
    const std::uint32_t counted = first ? watched - std::min(watched, acquaintance) : watched;
    if (counted >= least_seconds)
        new_peers.learn(std::log1p(new_peers_now * 3600.0 / counted), log_floor);
    const std::uint64_t total = std::accumulate(bytes_now.begin(), bytes_now.end(), std::uint64_t{0});
    for (std::size_t i = 0; i < protocol_classes; i++) {
        bytes[i].learn(std::log1p(static_cast<double>(bytes_now[i]) * to_hour), log_floor);
        if (total >= least_bytes)
            share[i].learn(static_cast<double>(bytes_now[i]) / static_cast<double>(total), share_floor);
    }
    bytes_now = {};
    new_peers_now = 0;
}

} // namespace flowguard
