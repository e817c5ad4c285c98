// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/overflow.h"
#include "flowguard/core/hash_keys.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flowguard {

/// How many distinct addresses were noted: HyperLogLog, see abi/overflow.h, with the estimator of Ertl ("New cardinality
/// estimation algorithms for HyperLogLog sketches", 2017), which is unbiased for few and for many alike: one standard
/// error is 1.04 / sqrt(Registers).
template <std::size_t Registers> class BasicSketch {
    static_assert(std::has_single_bit(Registers) && Registers <= FG_SKETCH_REGISTERS);

  public:
    void note(const std::uint8_t (&address)[16], const HashKeys &hash_keys);
    /// Afterwards this one stands for the union.
    void join(std::span<const std::uint8_t, Registers> registers);
    void join(const BasicSketch &other) { join(other.registers_); }
    std::uint64_t estimate() const;

  private:
    std::array<std::uint8_t, Registers> registers_{};
};

/// As the kernel counts; 8 KiB, within 1.15 %.
using Sketch = BasicSketch<FG_SKETCH_REGISTERS>;
/// For where there may be many; 2 KiB, within 2.3 %.
using SmallSketch = BasicSketch<2048>;

} // namespace flowguard
