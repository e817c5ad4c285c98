// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/finding.h"
#include "flowguard/detect/parameters.h"
#include "flowguard/detect/tick.h"

#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace flowguard {

/// One rule. Pure: what it says depends on the ticks it was given, and on nothing else. Its memory is bounded.
class Detector {
  public:
    virtual ~Detector() = default;
    virtual void tick(const Tick &tick, std::vector<Finding> &findings) = 0;
};

/// A detector as the catalogue, the configuration and the docs know it.
struct DetectorInfo {
    std::string_view id;
    std::string_view title;                   ///< EVE's signature
    std::string_view category;                ///< EVE's category
    std::span<const std::string_view> attack; ///< MITRE ATT&CK techniques
    std::chrono::seconds hold;                ///< an incident closes when it was not found for as long
    /// Detectors, or families ending in a dot, whose findings about the same hosts are effects of this one's cause: they
    /// become part of its incident.
    std::span<const std::string_view> explains;
    std::span<const Parameter> parameters;
    std::unique_ptr<Detector> (*make)(const Parameters &parameters);
};

} // namespace flowguard
