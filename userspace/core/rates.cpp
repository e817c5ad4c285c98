// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rates.h"

#include <algorithm>
#include <numeric>

namespace flowguard {
namespace {

constexpr std::uint64_t fine_seconds = 1;
constexpr std::uint64_t middle_seconds = 2;
constexpr std::uint64_t coarse_seconds = 10;

template <std::size_t n>
void turn_level(std::array<float, n> &buckets, std::uint64_t width, std::uint64_t from, std::uint64_t to)
{
    const std::uint64_t last = to / width;
    const std::uint64_t oldest = last >= n ? last - n + 1 : 0;
    for (std::uint64_t i = std::max(from / width + 1, oldest); i <= last; i++)
        buckets.at(i % n) = 0;
}

template <std::size_t n>
void add_level(std::array<float, n> &buckets, std::uint64_t width, std::uint64_t at, double amount)
{
    buckets.at(at / width % n) += static_cast<float>(amount);
}

template <std::size_t n> double per_second(const std::array<float, n> &amounts, const std::array<float, n> &seconds)
{
    const double elapsed = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    return elapsed > 0 ? std::accumulate(amounts.begin(), amounts.end(), 0.0) / elapsed : 0;
}

} // namespace

Rates &Rates::operator+=(const Rates &other)
{
    over_2s += other.over_2s;
    over_10s += other.over_10s;
    over_40s += other.over_40s;
    return *this;
}

void RateBuckets::turn(std::uint64_t from, std::uint64_t to)
{
    turn_level(fine, fine_seconds, from, to);
    turn_level(middle, middle_seconds, from, to);
    turn_level(coarse, coarse_seconds, from, to);
}

void RateBuckets::add(std::uint64_t second, double amount)
{
    add_level(fine, fine_seconds, second, amount);
    add_level(middle, middle_seconds, second, amount);
    add_level(coarse, coarse_seconds, second, amount);
}

void RateClock::advance(double seconds)
{
    const std::uint64_t second = ticks_ / ticks_per_second_ + 1;
    seconds_.turn(second_, second);
    seconds_.add(second, seconds);
    second_ = second;
    ticks_++;
}

void RateWindow::add(const RateClock &clock, double amount)
{
    if (clock.second_ == 0)
        return;
    amounts_.turn(second_, clock.second_);
    amounts_.add(clock.second_, amount);
    second_ = clock.second_;
}

Rates RateWindow::rates(const RateClock &clock) const
{
    RateBuckets now = amounts_;
    now.turn(second_, clock.second_);
    return {per_second(now.fine, clock.seconds_.fine), per_second(now.middle, clock.seconds_.middle),
            per_second(now.coarse, clock.seconds_.coarse)};
}

} // namespace flowguard
