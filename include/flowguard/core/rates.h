// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace flowguard {

/// Rates over about the last 2, 10 and 40 seconds, per second.
struct Rates {
    double over_2s = 0;
    double over_10s = 0;
    double over_40s = 0;

    Rates &operator+=(const Rates &other);
};

/// Amounts by age: 2 buckets of one second, 5 of two, 4 of ten. A second is a whole number of ticks.
struct RateBuckets {
    std::array<float, 2> fine{};
    std::array<float, 5> middle{};
    std::array<float, 4> coarse{};

    /// Empties what second `from` has and second `to` must not have any more.
    void turn(std::uint64_t from, std::uint64_t to);
    void add(std::uint64_t second, double amount);
};

/// How many seconds each bucket of every RateWindow stands for; one clock serves all windows.
class RateClock {
  public:
    explicit RateClock(unsigned ticks_per_second = 1) : ticks_per_second_(ticks_per_second) {}

    /// Begins a tick. What is counted until the next call happened within these `seconds` (> 0).
    void advance(double seconds);

  private:
    friend class RateWindow;
    unsigned ticks_per_second_;
    std::uint64_t ticks_ = 0;
    std::uint64_t second_ = 0; ///< 0: no tick has begun
    RateBuckets seconds_;
};

/// Counts of one quantity in the buckets of a RateClock. An untouched window catches up on its next use.
class RateWindow {
  public:
    /// Before the clock's first tick there is no time that an amount could be divided by: it is ignored.
    void add(const RateClock &clock, double amount);
    Rates rates(const RateClock &clock) const;

  private:
    RateBuckets amounts_;
    std::uint64_t second_ = 0; ///< of the latest add()
};

} // namespace flowguard
