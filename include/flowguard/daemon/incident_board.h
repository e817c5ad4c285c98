// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/detect/incidents.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace flowguard {

/// An incident as it is shown.
struct IncidentEntry {
    std::string id;
    std::shared_ptr<const Json> eve; ///< as of the latest change that was worth telling
    TimeNs start = 0;
    TimeNs last = 0;
    double latest = 0; ///< observed most recently
    bool open = false;
    bool merged = false;        ///< it became part of another one
    std::uint64_t revision = 0; ///< of the list, when it changed last

    /// EVE, with what changes at each tick.
    Json to_json() const;
};

/// All open incidents and the latest closed ones, by start. Never changed after it was published.
struct IncidentList {
    std::uint64_t revision = 0; ///< grows with each change of an entry
    std::size_t open = 0;
    bool complete = true; ///< nothing was left out for want of room
    std::vector<IncidentEntry> entries;
};

/// Keeps what incidents() shows, and says which changes are due to be written down. Pure.
class IncidentBoard {
  public:
    /// Revisions go on after `revision`: those of an earlier daemon must be smaller.
    explicit IncidentBoard(std::uint64_t revision, std::size_t max_closed = 1000)
        : revision_(revision),
          max_closed_(max_closed)
    {
    }

    /// From an earlier daemon, closed, in order of start. `limit`: how many were asked for; as many mean that there are more.
    void restore(std::vector<Json> latest, std::int64_t limit);
    void update(const Incident &incident);
    /// Of those that did not change otherwise.
    void refresh(const std::vector<const Incident *> &open);
    /// To be written down now: what opened or closed, and of what goes on changing the latest every ten seconds.
    std::vector<IncidentEntry> take_due(TimeNs now);
    std::shared_ptr<const IncidentList> list() const;

  private:
    struct Item {
        IncidentEntry entry;
        bool pending = false;
        bool told = false;
        TimeNs told_at = 0;
    };
    void restore(Json eve);
    void forget_closed();

    std::map<std::string, Item> items_;
    std::deque<std::string> closed_; ///< oldest first
    std::uint64_t revision_;
    std::size_t max_closed_;
    bool complete_ = true;
};

} // namespace flowguard
