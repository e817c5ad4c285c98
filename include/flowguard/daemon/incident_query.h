// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/daemon/incident_board.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowguard {

/// Which incidents `GET /v1/incidents` gives.
struct IncidentQuery {
    bool only_open = false;
    std::optional<TimeNs> since{};        ///< found at that time or later
    std::string id{};                     ///< or how it begins; empty: any
    std::optional<std::uint64_t> after{}; ///< changes after this revision, in their order; with those that were merged
};

/// By start. What the list has no more is looked up in `database`, if there is one; of that the latest 10,000.
Result<std::vector<Json>> select_incidents(const IncidentList &list, const IncidentQuery &query,
                                           const std::filesystem::path &database);

} // namespace flowguard
