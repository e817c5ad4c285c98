// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/detector.h"

namespace flowguard {

/// All detectors, in the order of their ids.
std::span<const DetectorInfo *const> catalogue();
/// None if there is no such id.
const DetectorInfo *find_detector(std::string_view id);

} // namespace flowguard
