// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/metrics.h"

#include <array>
#include <cstdint>

namespace flowguard {

/// Location and scale of one number per hour, learnt hour by hour, each step bounded.
struct Usual {
    float location = 0;
    float scale = 0;
    std::uint32_t hours = 0;

    /// `floor`: the least scale.
    void learn(double value, double floor);
    /// How many scales a value lies above what is usual.
    double deviations(double value) const { return scale > 0 ? (value - location) / scale : 0; }
};

/// What a host of ours is wont to do in an hour.
struct Habits {
    Usual new_peers;                                         ///< ln(1 + strangers that no host of ours had used before)
    std::array<Usual, protocol_classes> share{};             ///< of the bytes, 0 to 1
    std::array<Usual, protocol_classes> bytes{};             ///< ln(1 + bytes in the hour)
    std::array<std::uint64_t, protocol_classes> bytes_now{}; ///< of the hour that is going on
    std::uint32_t new_peers_now = 0;

    /// Learns the hour that is going on, of which `watched` seconds were seen, and begins the next one. `first`: of all
    /// that were seen of the host.
    void fold(std::uint32_t watched, bool first);

    /// To whom we do not know yet, all that a host deals with is new: such peers are not counted.
    static constexpr std::uint32_t acquaintance = 1'800;
};

} // namespace flowguard
