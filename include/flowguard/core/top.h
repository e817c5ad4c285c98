// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/filter.h"
#include "flowguard/core/json.h"
#include "flowguard/core/snapshot.h"

#include <cstddef>
#include <string_view>

namespace flowguard {

enum class TopBy { Flow, Remote, Local, Service };
enum class SortBy { Rate, Bytes, Packets, Start };

Result<TopBy> parse_top_by(
    std::string_view text); ///< flow, remote, local, service; `process` says that it is not there yet
Result<SortBy> parse_sort_by(std::string_view text);

struct SelectedFlows {
    std::vector<const Flow *> flows; ///< sorted, the greatest first
    std::size_t matching = 0;        ///< before the limit
};

/// Flows that match, at most `limit` (0: all). They point into `flows`.
SelectedFlows select_flows(const std::vector<Flow> &flows, const RateClock &clock, const FlowFilter &filter,
                           SortBy sort, std::size_t limit);

/// The /v1/top document: totals, interfaces and the first `limit` rows of one view.
Json top_to_json(const Snapshot &snapshot, TopBy by, SortBy sort, const FlowFilter &filter, std::size_t limit);

} // namespace flowguard
