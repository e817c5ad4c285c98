// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that are completed, and still are a flood: they get nothing from the service, or few clients open them at a
 * rate at which nobody uses a service, or they are far more than the baseline knows.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

class ConnectionFlood : public Detector {
  public:
    explicit ConnectionFlood(const Parameters &parameters)
        : at_once_(parameters["at_once"]),
          lasting_(parameters["lasting"]),
          per_client_(parameters["per_client"]),
          inside_(parameters["inside"]),
          deviations_(parameters["deviations"]),
          times_(parameters["times"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        watch_.begin_tick(tick);
        Suspects suspects;
        for (const auto &[service, counts] : tick.metrics.services()) {
            const double rate = static_cast<double>(std::max(counts.completed, counts.unserved)) / tick.seconds();
            if (service.proto == FG_PROTO_TCP && rate >= lasting_ / 2 && !service.address.is_loopback())
                suspects.add(service, {.rate = rate});
        }
        suspects.gather(tick, false, [](const FlowDelta &delta) {
            return delta.begun && delta.client_sent.tcp.syn > 0 && delta.flow->key.client != delta.flow->key.server;
        });
        for (const auto &[target, suspect] : suspects)
            judge(tick, target, suspect, findings);
    }

  private:
    /// Why it is one; `why` is empty if it is none.
    struct Verdict {
        std::string why;
        Severity severity = Severity::Medium;
        FloodLimits limits{};
    };
    Verdict verdict(const Tick &tick, const Service &target, const ServiceCounts &counts, const Suspect &suspect) const;
    void judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings);

    double at_once_;
    double lasting_;
    double per_client_;
    double inside_;
    double deviations_;
    double times_;
    FloodWatch watch_;
};

ConnectionFlood::Verdict ConnectionFlood::verdict(const Tick &tick, const Service &target, const ServiceCounts &counts,
                                                  const Suspect &suspect) const
{
    const Culprits &culprits = suspect.culprits;
    const FloodLimits lasting{.at_once = 1e18, .lasting = lasting_};
    if (static_cast<double>(counts.unserved) / tick.seconds() >= lasting_ / 2 && counts.unserved * 2 >= counts.begun) {
        const bool silent = counts.out.packets == 0;
        return {.why = fmt::format("{} of them got no data from it{}", counts.unserved,
                                   silent ? ", not even an answer to the SYN" : ""),
                .severity = Severity::High,
                .limits = silent ? FloodLimits{.at_once = at_once_, .lasting = lasting_} : lasting};
    }
    const Forecast usual = tick.baselines.forecast(
        {.host = target.address, .port = target.port, .proto = FG_PROTO_TCP, .quantity = Quantity::FlowsIn}, tick.end);
    const bool known = usual.maturity == Maturity::Ready;
    if (known && usual.deviations(suspect.rate) < deviations_)
        return {};
    const auto clients = static_cast<double>(std::max<std::uint64_t>(culprits.sources.count(), 1));
    const std::vector<IpAddress> busiest = culprits.busiest();
    const bool inside = !busiest.empty() && tick.locality.is_ours(busiest.front());
    const double per_client = per_client_ * (inside ? inside_ : 1);
    if (suspect.rate / clients >= per_client) {
        return {
            .why = fmt::format("each of {:.0f} clients opens {:.0f}/s, where {:.0f}/s for {} s is more than any user "
                               "needs{}",
                               clients, suspect.rate / clients, per_client, FloodWatch::lasting_ticks,
                               inside ? "; from inside it may be a load test or a proxy that reuses nothing" : ""),
            .severity = inside ? Severity::Low : Severity::Medium,
            .limits = lasting};
    }
    if (known && suspect.rate >= times_ * usual.expected())
        return {.why = fmt::format(
                    "the baseline expects {:.1f}/s at this hour, so this is {:.0f} times as many and {:.1f} "
                    "robust standard deviations above",
                    usual.expected(), suspect.rate / std::max(usual.expected(), 0.1), usual.deviations(suspect.rate)),
                .severity = Severity::Medium,
                .limits = {.at_once = 1e18, .lasting = 2 * lasting_}};
    return {};
}

void ConnectionFlood::judge(const Tick &tick, const Service &target, const Suspect &suspect,
                            std::vector<Finding> &findings)
{
    const ServiceCounts *counts = tick.metrics.services().find(target);
    if (!counts || suspect.culprits.flows == 0)
        return;
    const Verdict verdict = this->verdict(tick, target, *counts, suspect);
    if (verdict.why.empty())
        return;
    FloodWatch::State *state = watch_.judge(tick, target, suspect, verdict.limits);
    if (!state)
        return;
    Finding finding = flood_finding({.detector = dos_connection_flood,
                                     .severity = verdict.severity,
                                     .limit = verdict.limits.lasting,
                                     .unit = "connections/s",
                                     .metric = "new connections"},
                                    tick, target, suspect, *state);
    finding.explanation = fmt::format(
        "{} TCP/{} gets {:.0f} new connections/s, {}; {}. Fewer than {:.0f}/s are never a flood.",
        target.address.to_string(), target.port, suspect.rate, describe_sources(suspect, finding.source_count),
        verdict.why, lasting_);
    finding.suggestion = finding.subject.source
                             ? fmt::format("flowguard block {} --for 1h", finding.subject.source->to_string())
                             : fmt::format(
                                   "flowguard limit --service tcp/{} --new-connections --rate {:.0f}/s --per source",
                                   target.port, per_client_);
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 2> attack{"T1499.002", "T1499.003"};
constexpr std::array<std::string_view, 3> explained{"dos.volume_spike", "novelty.", "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 200, 1, 1e9, "connections/s", "that go on without one packet of the service: in one tick"},
    Parameter{"lasting", 100, 1, 1e9, "connections/s", "fewer are never a flood; it must last for 5 s"},
    Parameter{"per_client", 8, 1, 1e9, "connections/s", "of each client on average: more than any user needs"},
    Parameter{"inside", 2.5, 1, 1e6, "", "factor on it for hosts of ours, where proxies and tests do this"},
    Parameter{"deviations", 6, 1, 100, "", "robust standard deviations above the baseline, once there is one"},
    Parameter{"times", 5, 1, 1e6, "", "what the baseline expects"},
};

} // namespace

constinit const DetectorInfo dos_connection_flood{
    .id = "dos.connection_flood",
    .title = "Connection flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> {
        return std::make_unique<ConnectionFlood>(given);
    },
};

} // namespace flowguard
