// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace flowguard {
namespace {

/// Quantiles of the standard normal distribution.
constexpr double z_quartiles = 1.349; ///< between the first and the third
constexpr double z_burst = 2.576;     ///< 99.5 %: what happens for 18 seconds of each hour is normal
constexpr double burst_quantile = 0.995;

/// Beyond it a scale no longer says where the unusual begins (six of them are a factor of 400): the location moves up.
constexpr double max_scale = 1.0;
/// A week of chance must not move what is usual by more.
constexpr double most_scales = 3.0;
/// Of the difference to what was expected, per hour: a lasting change of level is adopted in about a day.
constexpr double shift_rate = 1.0 / 8;
/// Days differ from nights: while fewer hours are known, the spread between hours is taken to be at least this.
constexpr std::size_t full_day = 24;
constexpr double unknown_spread = 0.5;

double median_of(std::vector<double> values)
{
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

/// The median of levels, and their own scale joined with the spread between them.
Level join(const std::vector<double> &locations, const std::vector<double> &scales, double least_spread)
{
    const double location = median_of(locations);
    std::vector<double> distances;
    for (const double each : locations)
        distances.push_back(std::abs(each - location));
    const double spread = std::max(least_spread, 1.4826 * median_of(std::move(distances)));
    return {.location = location, .scale = std::hypot(median_of(scales), spread)};
}

double bounded(double change, double scale)
{
    const double most = most_scales * std::max(scale, unknown_spread);
    return std::clamp(change, -most, most);
}

} // namespace

void Histogram::add(double value, std::uint32_t seconds)
{
    const double log = std::log1p(std::max(value, 0.0));
    const auto bucket = std::min(static_cast<std::size_t>(log / step), max_buckets - 1);
    if (bucket == 0)
        return;
    if (counts_.size() < bucket)
        counts_.resize(bucket);
    std::uint16_t &count = counts_[bucket - 1];
    count = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(count + seconds, std::numeric_limits<std::uint16_t>::max()));
}

Level Histogram::level(std::uint32_t watched) const
{
    std::uint32_t active = 0;
    for (const std::uint16_t count : counts_)
        active += count;
    const double total = std::max(watched, active);
    const double silent = total - active;
    const auto quantile = [&](double share) {
        double rest = share * total - silent;
        if (rest <= 0)
            return 0.0;
        for (std::size_t i = 0; i < counts_.size(); i++) {
            if (rest <= counts_[i])
                return step * (static_cast<double>(i + 1) + rest / counts_[i]);
            rest -= counts_[i];
        }
        return step * static_cast<double>(counts_.size() + 1);
    };
    if (active == 0)
        return {};
    const double median = quantile(0.5);
    const double burst = quantile(burst_quantile);
    const double scale = std::max(
        {Level::floor, (quantile(0.75) - quantile(0.25)) / z_quartiles, (burst - median) / z_burst});
    if (scale <= max_scale)
        return {.location = median, .scale = scale};
    return {.location = std::max(median, burst - z_burst * max_scale), .scale = max_scale};
}

namespace {
constexpr double location_step = 28.0 / 511;
constexpr double scale_ratio = 1.12;
} // namespace

Slot::Slot(const Level &level, unsigned weeks)
{
    const double location = std::clamp(std::round(level.location / location_step), 0.0, 511.0);
    const double scale = std::clamp(std::round(std::log(level.scale / Level::floor) / std::log(scale_ratio)), 0.0,
                                    31.0);
    packed_ = static_cast<std::uint16_t>(static_cast<unsigned>(location) << 7 | static_cast<unsigned>(scale) << 2 |
                                         std::min(weeks, 3U));
}

Level Slot::level() const
{
    return {.location = location_step * (packed_ >> 7),
            .scale = Level::floor * std::pow(scale_ratio, packed_ >> 2 & 31U)};
}

Series::Slots &Series::make_slots(const Hours &known)
{
    if (!slots_) {
        slots_ = std::make_unique<Slots>();
        for (std::size_t hour = 0; hour < hours_in_week; hour++)
            if (known.test(hour))
                (*slots_)[hour] = Slot({}, 1);
    }
    return *slots_;
}

/* Level and season, as additive exponential smoothing has them (Holt 1957, Winters 1960), without a trend, and each step
 * bounded (Gelper, Fried and Croux 2010), so that one strange hour moves little. */
void Series::fold(std::size_t hour, std::uint32_t watched, const Hours &known)
{
    const Level seen = current.level(watched);
    const bool silent = current.counts().empty();
    current.clear();
    if (silent && !slots_)
        return;
    Slot &slot = make_slots(known)[hour];
    const double seasonal = std::max(0.0, seen.location - shift_);
    if (!slot.learnt()) {
        slot = Slot({.location = seasonal, .scale = seen.scale}, 1);
    } else {
        const Level old = slot.level();
        const double weight = 1.0 / (slot.weeks() + 1);
        shift_ += static_cast<float>(shift_rate * bounded(seen.location - old.location - shift_, old.scale));
        slot = Slot({.location = old.location + weight * bounded(seasonal - old.location, old.scale),
                     .scale = old.scale + weight * (seen.scale - old.scale)},
                    slot.weeks() + 1);
    }
    Hours now_known = known;
    now_known.set(hour);
    summarize(now_known);
}

void Series::summarize(const Hours &known)
{
    std::vector<double> locations;
    std::vector<double> scales;
    for (const Slot &slot : *slots_)
        if (slot.learnt()) {
            const Level level = slot.level();
            locations.push_back(level.location);
            scales.push_back(level.scale);
        }
    all_ = locations.empty() ? Level{} : join(locations, scales, known.count() < full_day ? unknown_spread : 0.0);
}

bool Series::knows_hour(std::size_t hour, const Hours &known)
{
    for (std::size_t other = hour % 24; other < hours_in_week; other += 24)
        if (known.test(other))
            return true;
    return false;
}

Level Series::usual(std::size_t hour, const Hours &known) const
{
    if (!slots_)
        return {.location = 0, .scale = known.count() < full_day ? unknown_spread : Level::floor};
    Level level = all_;
    if (known.test(hour)) {
        level = (*slots_)[hour].level();
    } else if (knows_hour(hour, known)) {
        std::vector<double> locations;
        std::vector<double> scales;
        for (std::size_t other = hour % 24; other < hours_in_week; other += 24)
            if (known.test(other)) {
                locations.push_back((*slots_)[other].level().location);
                scales.push_back((*slots_)[other].level().scale);
            }
        level = join(locations, scales, 0);
    }
    level.location = std::max(0.0, level.location + shift_);
    return level;
}

void Series::restore(const Slots *slots, double shift, const Hours &known)
{
    slots_ = slots ? std::make_unique<Slots>(*slots) : nullptr;
    shift_ = static_cast<float>(shift);
    if (slots_)
        summarize(known);
}

std::size_t Series::memory() const
{
    return sizeof *this + current.counts().capacity() * sizeof(std::uint16_t) + (slots_ ? sizeof *slots_ : 0);
}

} // namespace flowguard
