// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/overflow.h"
#include "flowguard/core/hash_keys.h"

#include <array>
#include <cstdint>
#include <span>

namespace flowguard {

/// How many distinct addresses were noted: HyperLogLog, see abi/overflow.h, with the estimator of Ertl ("New cardinality
/// estimation algorithms for HyperLogLog sketches", 2017), which is unbiased for few and for many alike: within 1.6 %, one
/// standard error.
class Sketch {
  public:
    void note(const std::uint8_t (&address)[16], const HashKeys &hash_keys);
    /// Afterwards this one stands for the union.
    void join(std::span<const std::uint8_t, FG_SKETCH_REGISTERS> registers);
    std::uint64_t estimate() const;

  private:
    std::array<std::uint8_t, FG_SKETCH_REGISTERS> registers_{};
};

} // namespace flowguard
