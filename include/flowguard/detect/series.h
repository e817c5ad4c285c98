// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace flowguard {

/// Where values lie and how far they spread, both of ln(1 + value).
struct Level {
    double location = 0;
    double scale = floor;

    /// A factor of 1.28: less is not told apart from chance, so that a constant series does not alarm on one more.
    static constexpr double floor = 0.25;
};

/// Seconds by ln(1 + value), in steps of a quarter. Seconds without traffic are not stored: who counts all seconds knows.
class Histogram {
  public:
    void add(double value, std::uint32_t seconds);
    /// Of `watched` seconds, those that were not added being silent. Robust: see docs/detectors.md.
    Level level(std::uint32_t watched) const;
    void clear() { counts_ = {}; }

    static constexpr double step = 0.25;
    static constexpr std::size_t max_buckets = 112; ///< 28: values beyond 10^12 count as such

    /// Of bucket 1 and on.
    const std::vector<std::uint16_t> &counts() const { return counts_; }
    void set_counts(std::vector<std::uint16_t> counts) { counts_ = std::move(counts); }

  private:
    std::vector<std::uint16_t> counts_;
};

/// A level in 16 bits: location in 9 (a step is 0.055), scale in 5 (a step is 12 %), weeks in 2 (0: not learnt).
class Slot {
  public:
    Slot() = default;
    Slot(const Level &level, unsigned weeks);
    explicit Slot(std::uint16_t packed) : packed_(packed) {}

    bool learnt() const { return weeks() > 0; }
    unsigned weeks() const { return packed_ & 3U; } ///< at most 3
    Level level() const;
    std::uint16_t packed() const { return packed_; }

  private:
    std::uint16_t packed_ = 0;
};

constexpr std::size_t hours_in_week = 168;
using Hours = std::bitset<hours_in_week>;

/// One quantity of one entity: the hour that is going on, and what each hour of the week is like.
class Series {
  public:
    Histogram current;

    /// Learns that `hour` of the week was as `current` says, and empties it. `known`: the hours learnt before.
    void fold(std::size_t hour, std::uint32_t watched, const Hours &known);
    /// What is usual in an hour of the week, by that hour, or else by that hour of other days, or else by all hours.
    /// `known` must not be empty.
    Level usual(std::size_t hour, const Hours &known) const;
    /// False: `usual` had to fall back to all hours.
    static bool knows_hour(std::size_t hour, const Hours &known);

    using Slots = std::array<Slot, hours_in_week>;
    /// None as long as every hour was silent.
    const Slots *slots() const { return slots_.get(); }
    double shift() const { return shift_; }
    void restore(const Slots *slots, double shift, const Hours &known);
    std::size_t memory() const;

  private:
    Slots &make_slots(const Hours &known);
    void summarize(const Hours &known);

    std::unique_ptr<Slots> slots_;
    float shift_ = 0; ///< how far the level of late lies above what the slots say
    Level all_;       ///< of all learnt hours
};

} // namespace flowguard
