// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <optional>

namespace flowguard {

/*
 * The time of a capture as its analysis needs it: it never goes back. A packet that is a little older than the one before
 * counts as of the same moment. Neither are clocks believed at once that leap by days or go back by minutes: one damaged
 * packet must not move all that follow into another century.
 */
class CaptureClock {
  public:
    /// When a packet counts as seen. `stamp`: what the capture says; none: with the one before.
    TimeNs at(std::optional<TimeNs> stamp);
    TimeNs now() const { return now_; }
    /// How often the capture's clock was set back for good. What follows counts on from where it was.
    std::uint64_t set_back() const { return set_back_; }

  private:
    bool believes_leap(TimeNs time);

    bool started_ = false;
    TimeNs now_ = 1; ///< from 1: 0 is no time
    TimeNs offset_ = 0;
    std::optional<TimeNs> leap_; ///< what the packet before wanted to leap to
    unsigned behind_ = 0;        ///< packets in a row that were minutes behind
    std::uint64_t set_back_ = 0;
};

} // namespace flowguard
