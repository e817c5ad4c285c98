// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <vector>

namespace flowguard {

/// What happened when, in at most so many steps: their length doubles as the capture turns out to be longer.
class Timeline {
  public:
    struct Step {
        Volume volume;
        std::uint64_t new_flows = 0;
    };
    static constexpr std::size_t most_steps = 300;

    /// `time` never goes back.
    void add_packet(TimeNs time, std::uint32_t length)
    {
        if (time >= current_end_)
            move_to(time);
        Step &step = steps_[current_];
        step.volume.packets++;
        step.volume.bytes += length;
    }
    /// A flow that began at `time`, which may be earlier.
    void add_flow(TimeNs time);

    const std::vector<Step> &steps() const { return steps_; }
    TimeNs begin() const { return begin_; }
    TimeNs step_length() const { return length_; }

  private:
    void move_to(TimeNs time);
    void halve();

    TimeNs begin_ = 0;
    TimeNs length_ = 1'000'000'000 / 512; ///< so that whole seconds are among its doubles
    TimeNs current_end_ = 0;
    std::size_t current_ = 0;
    std::vector<Step> steps_;
};

} // namespace flowguard
