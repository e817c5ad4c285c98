// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace flowguard {

/// How alike numbers are, by quartiles: a few that stand out (a task carried out, a laptop asleep) do not matter.
struct Regularity {
    double median = 0;
    double dispersion = 0; ///< median absolute deviation over the median; 0: all alike, 0.25: even within +-50 %
    double skew = 0;       ///< Bowley's, without sign: 0: as much above the median as below, 1: all on one side
    double within = 0;     ///< share of those that are at most three times the median

    /// 0 for none.
    static Regularity of(std::span<const float> values);
};

} // namespace flowguard
