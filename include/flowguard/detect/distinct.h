// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/ip_address.h"
#include "flowguard/core/sketch.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace flowguard {

/// How many distinct addresses were noted: exact up to a few, then by a SmallSketch. Deterministic: its keys are fixed, so an
/// outsider can make it count too few or too many of them, by addresses; what decides verdicts must not rest on it alone.
class Distinct {
  public:
    void note(const IpAddress &address);
    void join(const Distinct &other);
    std::uint64_t count() const;
    /// The addresses that were noted first, at most `exact`.
    const std::vector<IpAddress> &first() const { return few_; }
    void clear();

    static constexpr std::size_t exact = 32;

  private:
    std::vector<IpAddress> few_;
    std::unique_ptr<SmallSketch> sketch_; ///< once there are more
};

} // namespace flowguard
