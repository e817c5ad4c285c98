// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/detect/incidents.h"

namespace flowguard {

/// EVE `alert`, as the contract has it.
Json incident_to_json(const Incident &incident);

} // namespace flowguard
