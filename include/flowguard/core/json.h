// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/snapshot.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace flowguard {

using Json = nlohmann::ordered_json;

/// RFC 3339, UTC, microseconds.
std::string format_time(TimeNs time);
/// Upper-case IANA keyword, or the number as text.
std::string protocol_name(std::uint8_t proto);
/// Community ID version 1, seed 0; empty where the specification has none.
std::string community_id(const FlowKey &key);

/// One flow in EVE layout, as the contract has it.
Json flow_to_json(const Flow &flow, const Snapshot &snapshot);
/// The `status --json` document.
Json status_to_json(const Snapshot &snapshot, std::string_view version, bool verbose);

} // namespace flowguard
