// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/sketch.h"

#include <algorithm>
#include <cmath>

namespace flowguard {
namespace {

constexpr int highest = 64 - FG_SKETCH_BITS + 1; ///< rank

/* Ertl 2017, algorithm 6 and its formulas for registers that are empty (sigma) and full (tau). */
double sigma(double x)
{
    double y = 1;
    double z = x;
    for (double last = -1; z != last;) {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    }
    return z;
}

double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1;
    double z = 1 - x;
    for (double last = -1; z != last;) {
        x = std::sqrt(x);
        last = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    }
    return z / 3;
}

} // namespace

template <std::size_t Registers>
void BasicSketch<Registers>::note(const std::uint8_t (&address)[16], const HashKeys &hash_keys)
{
    const std::uint64_t hash = fg_address_hash(address, hash_keys.data());
    std::uint8_t &least = registers_[fg_sketch_register(hash) & (Registers - 1)];
    least = std::max(least, fg_sketch_rank(hash));
}

template <std::size_t Registers> void BasicSketch<Registers>::join(std::span<const std::uint8_t, Registers> registers)
{
    for (std::size_t i = 0; i < registers.size(); i++)
        registers_[i] = std::max(registers_[i], registers[i]);
}

template <std::size_t Registers> std::uint64_t BasicSketch<Registers>::estimate() const
{
    constexpr double m = Registers;
    std::array<double, highest + 1> with_rank{};
    for (const std::uint8_t rank : registers_)
        with_rank.at(std::min<std::size_t>(rank, highest))++;
    if (with_rank[0] == m)
        return 0;
    double sum = m * tau(1 - with_rank[highest] / m);
    for (int rank = highest - 1; rank >= 1; rank--)
        sum = (sum + with_rank.at(static_cast<std::size_t>(rank))) / 2;
    sum += m * sigma(with_rank[0] / m);
    return static_cast<std::uint64_t>(std::llround(m * m / (2 * std::log(2.0) * sum)));
}

template class BasicSketch<FG_SKETCH_REGISTERS>;
template class BasicSketch<2048>;

} // namespace flowguard
