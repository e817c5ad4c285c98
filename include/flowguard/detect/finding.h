// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

/// As in EVE: 1 is the worst.
enum class Severity : std::uint8_t { High = 1, Medium = 2, Low = 3 };

/// Whom a finding is about. What is left out does not tell two findings of one detector apart.
struct Subject {
    std::optional<IpAddress> source; ///< the attacker, or the compromised host; none: no single one explains it
    std::optional<IpAddress> target; ///< the victim, or the peer
    std::optional<std::uint8_t> proto;
    std::optional<std::uint16_t> port; ///< of the target, unless the detector says otherwise

    auto operator<=>(const Subject &) const = default;
};

/// A flow behind a finding.
struct Evidence {
    IpAddress source;
    IpAddress target;
    std::uint8_t proto = 0;
    std::uint16_t source_port = 0;
    std::uint16_t target_port = 0;
    Volume volume; ///< both directions

    static Evidence of(const Flow &flow);
};

/// What a detector says about one subject in one tick. It says so again in each tick in which it still holds.
struct Finding {
    std::string_view detector; ///< id in the catalogue
    Severity severity = Severity::Medium;
    Subject subject;
    TimeNs since = 0; ///< when what was observed began; not later than the tick's end
    double observed = 0;
    double expected = 0; ///< the threshold, or what the baseline expects
    std::string unit;    ///< "SYN/s"
    std::string metric;  ///< what was observed: "half-open connections"
    std::uint64_t source_count = 0;
    std::vector<IpAddress> sources; ///< some of them, the busiest first; at most max_listed
    std::vector<IpAddress> targets;
    std::string explanation; ///< a paragraph that a person can act on, with the arithmetic
    std::string suggestion;  ///< a command
    std::vector<Evidence> evidence;

    static constexpr std::size_t max_listed = 16;
};

} // namespace flowguard
