// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"

#include <string>

namespace flowguard {

/// What an aggregate of overflow is aimed at: "tcp/80 of 10.0.0.2", "icmp of 10.0.0.2", "everything else". Of an
/// overflow_to_json() object; what is missing in it is left out.
std::string overflow_target(const Json &aggregate);

/// In one sentence, without the interface.
std::string describe_overflow(const Json &aggregate);

} // namespace flowguard
