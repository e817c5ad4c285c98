// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow_table.h"
#include "flowguard/detect/catalogue.h"

#include <map>
#include <set>
#include <string>

namespace flowguard {

struct DetectionConfig {
    std::map<std::string, Parameters, std::less<>> parameters; ///< by detector id; none: defaults
    std::set<std::string, std::less<>> disabled;
};

/// Metrics, baselines, detectors and incidents of one stream of ticks. Pure: times and data are arguments.
class Detection {
  public:
    Detection(DetectionConfig config, Locality locality);
    ~Detection();

    struct Input {
        TimeNs begin = 0;
        TimeNs end = 0;
        const FlowTable &flows; ///< after its end_tick()
        std::span<const OverflowAggregate> overflow;
        std::span<const DnsSample> dns;
    };
    /// A tick that ends before the last one did (the clock was set back) finds detectors that begin anew: what they
    /// remember is of a time to come. Baselines stay, and open incidents go on.
    void tick(const Input &input);
    void finish() { incidents_.finish(); }

    void set_locality(Locality locality) { locality_ = std::move(locality); }
    const Baselines &baselines() const { return baselines_; }
    Baselines &baselines() { return baselines_; }
    /// Goes on with what was learnt earlier.
    void restore(Baselines baselines) { baselines_ = std::move(baselines); }
    /// Blacklists; none before.
    void set_reputation(Reputation reputation) { reputation_ = std::move(reputation); }
    IncidentTracker &incidents() { return incidents_; }
    const IncidentTracker &incidents() const { return incidents_; }
    const Names &names() const { return names_; }

  private:
    void make_detectors();

    DetectionConfig config_;
    Locality locality_;
    TickMetrics metrics_;
    Baselines baselines_;
    Names names_;
    Reputation reputation_;
    IncidentTracker incidents_;
    std::vector<std::unique_ptr<Detector>> detectors_;
    TimeNs end_ = 0; ///< of the latest tick
};

} // namespace flowguard
