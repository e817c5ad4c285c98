// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/tick.h"

#include <cstdlib>

namespace flowguard {

TimeNs begin_of_tick(TimeNs previous_end, TimeNs end, double elapsed)
{
    constexpr TimeNs slack = 1'000'000'000; ///< more than draining and looking take, less than setting a clock is for
    const TimeNs reckoned = end - static_cast<TimeNs>(elapsed * 1e9);
    return std::abs(reckoned - previous_end) < slack ? std::min(previous_end, end) : reckoned;
}

} // namespace flowguard
