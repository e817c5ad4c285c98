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

/// The seconds that each bucket of every RateWindow covers; advanced once per tick, shared by all windows.
/// Layout: 2 buckets of one tick, 5 of 2 s, 4 of 10 s, so that a window costs 11 floats.
class RateClock {
  public:
    /// Ends the current tick, which lasted `seconds` (> 0).
    void advance(double seconds);
    std::uint64_t ticks() const { return ticks_; }

  private:
    friend class RateWindow;
    std::uint64_t ticks_ = 0;
    double seconds_ = 0;
    std::array<float, 2> fine_{};
    std::array<float, 5> middle_{};
    std::array<float, 4> coarse_{};
};

/// Counts of one quantity in the buckets of a RateClock. Untouched windows catch up on their next use.
class RateWindow {
  public:
    void add(const RateClock &clock, double amount);
    Rates rates(const RateClock &clock) const;

  private:
    std::array<float, 2> fine_{};
    std::array<float, 5> middle_{};
    std::array<float, 4> coarse_{};
    std::uint64_t tick_ = 0;
};

} // namespace flowguard
