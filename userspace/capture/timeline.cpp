// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/timeline.h"

namespace flowguard {

void Timeline::move_to(TimeNs time)
{
    if (steps_.empty())
        begin_ = time;
    while ((time - begin_) / length_ >= static_cast<TimeNs>(most_steps))
        halve();
    current_ = static_cast<std::size_t>((time - begin_) / length_);
    current_end_ = begin_ + (static_cast<TimeNs>(current_) + 1) * length_;
    if (steps_.size() <= current_)
        steps_.resize(current_ + 1);
}

/// Half as many steps, of twice the length.
void Timeline::halve()
{
    length_ *= 2;
    const std::size_t half = (steps_.size() + 1) / 2;
    for (std::size_t i = 0; i < half; i++) {
        Step sum = steps_[2 * i];
        if (2 * i + 1 < steps_.size()) {
            sum.volume += steps_[2 * i + 1].volume;
            sum.new_flows += steps_[2 * i + 1].new_flows;
        }
        steps_[i] = sum;
    }
    steps_.resize(half);
}

void Timeline::add_flow(TimeNs time)
{
    if (steps_.empty())
        return;
    const TimeNs index = time < begin_ ? 0 : (time - begin_) / length_;
    steps_[std::min(static_cast<std::size_t>(index), steps_.size() - 1)].new_flows++;
}

} // namespace flowguard
