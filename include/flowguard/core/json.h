// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/snapshot.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace flowguard {

using Json = nlohmann::ordered_json;

/// RFC 3339, UTC, microseconds.
std::string format_time(TimeNs time);
/// {"2s": …, "10s": …, "40s": …}
Json rates_to_json(const Rates &rates);
std::string_view state_name(FlowState state);
std::string_view direction_name(FlowDirection direction);

/// The fields that say which flow it is, in EVE's names: src_ip, src_port, dest_ip, dest_port, proto, icmp_type, ...
void put_flow_names(Json &json, const FlowKey &key);
/// One flow in EVE layout, as the contract has it.
Json flow_to_json(const Flow &flow, const Snapshot &snapshot);
/// What found no record, in EVE's names where they fit; `src` or `dest` is this side.
Json overflow_to_json(const OverflowAggregate &aggregate, const Snapshot &snapshot);
/// The `limit` largest.
Json overflow_list(const Snapshot &snapshot, std::size_t limit);
constexpr std::size_t shown_aggregates = 5; ///< in `status` and `top`

/// The `status --json` document.
Json status_to_json(const Snapshot &snapshot, std::string_view version, bool verbose);

} // namespace flowguard
