// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/clock.h"

#include "flowguard/capture/formats.h"

#include <algorithm>

namespace flowguard {
namespace {

constexpr TimeNs minute = 60'000'000'000;
constexpr TimeNs day = 24 * 60 * minute;
constexpr unsigned patience = 256; ///< packets; several interfaces may have clocks that differ

} // namespace

TimeNs CaptureClock::at(std::optional<TimeNs> stamp)
{
    if (!stamp)
        return now_;
    if (!started_) {
        started_ = true;
        return now_ = std::clamp<TimeNs>(*stamp, 1, latest_time);
    }
    const TimeNs time = *stamp > latest_time - offset_ ? latest_time : *stamp + offset_;
    if (time < now_ - minute) {
        leap_.reset();
        if (++behind_ >= patience) {
            offset_ += now_ - time;
            behind_ = 0;
            set_back_++;
        }
        return now_;
    }
    behind_ = 0;
    if (time > now_ && believes_leap(time))
        now_ = time;
    return now_;
}

bool CaptureClock::believes_leap(TimeNs time)
{
    const bool believed = time - now_ <= day || (leap_ && time >= *leap_ - minute);
    leap_ = believed ? std::nullopt : std::optional(time);
    return believed;
}

} // namespace flowguard
