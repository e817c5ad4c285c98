// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/detection.h"

#include <utility>

namespace flowguard {

Detection::Detection(DetectionConfig config, Locality locality)
    : config_(std::move(config)),
      locality_(std::move(locality))
{
    make_detectors();
}

void Detection::make_detectors()
{
    detectors_.clear();
    for (const DetectorInfo *info : catalogue()) {
        if (config_.disabled.contains(info->id))
            continue;
        const auto set = config_.parameters.find(info->id);
        detectors_.push_back(info->make(set == config_.parameters.end() ? Parameters(info->parameters) : set->second));
    }
}

Detection::~Detection() = default;

void Detection::tick(const Input &input)
{
    if (input.end < end_) {
        make_detectors();
        incidents_.set_clock_back(input.end);
    }
    end_ = input.end;
    std::vector<DnsMessage> dns;
    for (const DnsSample &sample : input.dns)
        if (auto message = parse_dns(sample)) {
            message->asked = names_.note(*message);
            dns.push_back(std::move(*message));
        }
    metrics_.count(input.flows.changes());
    const Tick tick{.begin = input.begin,
                    .end = input.end,
                    .flows = input.flows.changes(),
                    .ended = input.flows.just_ended(),
                    .overflow = input.overflow,
                    .dns = dns,
                    .metrics = metrics_,
                    .locality = locality_,
                    .baselines = baselines_,
                    .names = names_,
                    .reputation = reputation_,
                    .incidents = incidents_};
    std::vector<Finding> findings;
    for (const auto &detector : detectors_)
        detector->tick(tick, findings);
    incidents_.tick(input.end, std::move(findings));
    baselines_.learn(tick);
}

} // namespace flowguard
