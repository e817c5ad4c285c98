// SPDX-License-Identifier: Apache-2.0
/*
 * One of our hosts floods a stranger: what the detectors of floods name at the victim, seen from its source.
 */
#include "flowguard/detect/detectors.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

constexpr std::array<const DetectorInfo *, 5> kinds{&dos_connection_flood, &dos_fragment_flood, &dos_icmp_flood,
                                                    &dos_syn_flood, &dos_udp_flood};

class Outbound : public Detector {
  public:
    explicit Outbound(const Parameters &parameters) : times_(parameters["times"])
    {
        for (const DetectorInfo *info : kinds)
            detectors_.push_back(info->make(Parameters(info->parameters)));
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (!floods_strangers(tick))
            return;
        std::vector<Finding> floods;
        for (const auto &detector : detectors_)
            detector->tick(tick, floods);
        for (Finding &flood : floods) {
            const Subject &subject = flood.subject;
            if (subject.source && subject.target && tick.locality.is_ours(*subject.source) &&
                !tick.locality.is_ours(*subject.target) && !subject.target->is_multicast() &&
                flood.observed >= times_ * flood.expected && flood.severity != Severity::Low)
                findings.push_back(outbound(std::move(flood)));
        }
    }

  private:
    /// So little that no flood is below it; so that a flood of our hosts is not looked into a second time here.
    static bool floods_strangers(const Tick &tick)
    {
        constexpr double least = 10; /* per second */
        return std::ranges::any_of(tick.metrics.hosts(), [&](const auto &each) {
            const auto &[host, counts] = each;
            const std::uint64_t doubtful = counts.half_open_syn + counts.stray + counts.completed + counts.fragments +
                                           counts.other + counts.udp_unanswered.packets;
            return static_cast<double>(doubtful) >= least * tick.seconds() && !tick.locality.is_ours(host);
        });
    }
    static Finding outbound(Finding flood)
    {
        flood.explanation = fmt::format("{} of yours floods a stranger; it may be under somebody else's control. {}",
                                        flood.subject.source->to_string(), flood.explanation);
        flood.suggestion = fmt::format("flowguard block {} --out --for 1h", flood.subject.target->to_string());
        flood.detector = dos_outbound.id;
        flood.severity = Severity::High;
        return flood;
    }

    double times_;
    std::vector<std::unique_ptr<Detector>> detectors_;
};

constexpr std::array<std::string_view, 2> attack{"T1498.001", "T1499"};
/// The same flood at its victim, and what it does to the host that sends it.
constexpr std::array<std::string_view, 8> explained{
    "dos.connection_flood", "dos.fragment_flood", "dos.icmp_flood", "dos.syn_flood",
    "dos.udp_flood",        "dos.volume_spike",   "novelty.",       "mix.protocol"};
constexpr std::array parameters{
    Parameter{"times", 1, 1, 1e6, "", "the limit of the flood's own detector, with its default values"},
};

} // namespace

constinit const DetectorInfo dos_outbound{
    .id = "dos.outbound",
    .title = "Outbound flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<Outbound>(given); },
};

} // namespace flowguard
