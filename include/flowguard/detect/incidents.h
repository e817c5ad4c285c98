// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/finding.h"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace flowguard {

/// Findings of one cause, from the first to the last.
struct Incident {
    std::string id; ///< of detector, subject and when it was opened: the same input makes the same ids
    /// The strongest so far, by what was observed, with the worst severity and the sources and targets of all.
    Finding finding;
    TimeNs start = 0;  ///< when what was found began
    TimeNs opened = 0; ///< the end of the tick that found it first, under whichever detector's name
    TimeNs last = 0;   ///< when it was found last
    bool open = true;
    double latest = 0;                ///< observed most recently
    std::vector<std::string> related; ///< detectors whose findings are part of this incident
    std::string merged_into;          ///< the incident that this one became part of; empty: none
    std::uint64_t revision = 1;       ///< grows with each change that is worth telling
    std::uint64_t told = 0;           ///< the revision that take_changes() gave last
    double told_observed = 0;         ///< what was observed at the last change that was worth telling
};

/// Opens, updates, merges and closes incidents. Pure and deterministic.
class IncidentTracker {
  public:
    /// Takes what detectors found in the tick that ended at `now`.
    void tick(TimeNs now, std::vector<Finding> findings);
    /// Closes everything: the capture has ended.
    void finish();
    /// Times of open incidents are of now at the latest.
    void set_clock_back(TimeNs now);

    bool is_open(std::string_view detector, const Subject &subject) const;
    std::vector<const Incident *> open() const;
    /// Incidents that opened, changed or closed since the last call, in order of start and id.
    std::vector<Incident> take_changes();
    /// Findings that opened no incident because too many were open, since the start.
    std::uint64_t refused() const { return refused_; }

    /// Open at the same time. The better half is kept for severity 1 and 2, the last quarter for 1, so that much of what
    /// is good to know cannot hide what must be acted on.
    static constexpr std::size_t max_open = 4096;

  private:
    using Key = std::pair<std::string_view, Subject>;

    Incident *explained_by(const Finding &finding);
    void add(TimeNs now, Finding finding);
    void absorb(const Key &strong);
    void close(std::map<Key, Incident>::iterator incident);

    std::map<Key, Incident> open_;
    std::vector<Incident> changes_; ///< closed since the last take_changes()
    std::uint64_t refused_ = 0;
};

} // namespace flowguard
