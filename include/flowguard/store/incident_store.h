// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/store/database.h"

#include <vector>

namespace flowguard {

/// Incidents as EVE alerts. The database must outlive it.
class IncidentStore {
  public:
    explicit IncidentStore(const Database &database) : database_(database) {}

    /// Adds the incident, or replaces what is stored under its id.
    Result<void> put(const Json &eve, TimeNs start, TimeNs last, const std::string &id, bool open) const;
    /// Those that were last found at `since` or later, in order of start and id; the latest `limit` of them.
    Result<std::vector<Json>> list(TimeNs since, bool only_open, std::int64_t limit = 10'000) const;
    /// Those whose id begins so, in order of start; 100 at most.
    Result<std::vector<Json>> find(const std::string &id) const;
    /// Closes what a daemon that was killed left open. Returns how many there were.
    Result<std::int64_t> close_left_open() const;
    /// Deletes closed incidents last found before `oldest`, and then the oldest beyond `max_rows`. Returns how many.
    Result<std::int64_t> prune(TimeNs oldest, std::int64_t max_rows) const;

  private:
    const Database &database_;
};

} // namespace flowguard
