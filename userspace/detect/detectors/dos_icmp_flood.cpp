// SPDX-License-Identifier: Apache-2.0
/*
 * ICMP that a host did not cause: echo requests in masses, answers and errors that nothing of its own explains, neighbour
 * discovery in masses. Beside it what hides behind an authentication header, because that is how tools hide ICMPv6.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

#include <fmt/format.h>

namespace flowguard {
namespace {

constexpr std::uint8_t authentication_header = 51;

class IcmpFlood : public Detector {
  public:
    explicit IcmpFlood(const Parameters &parameters)
        : limits_{.at_once = parameters["at_once"], .lasting = parameters["lasting"]},
          answered_(parameters["answered"]),
          errors_(parameters["errors"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        watch_.begin_tick(tick);
        Suspects suspects = suspect_hosts(tick);
        suspects.gather(tick, false, [](const FlowDelta &delta) {
            return !(delta.flow->key.flags & FG_KEY_FRAGMENT) || delta.flow->key.proto == authentication_header;
        });
        for (const auto &[target, suspect] : suspects)
            judge(tick, target, suspect, findings);
    }

  private:
    Suspects suspect_hosts(const Tick &tick) const;
    void judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings);
    static bool mostly_errors(const Service &target, const Culprits &culprits);

    FloodLimits limits_;
    double answered_;
    double errors_;
    FloodWatch watch_;
};

Suspects IcmpFlood::suspect_hosts(const Tick &tick) const
{
    Suspects suspects;
    for (const std::uint8_t proto : {FG_PROTO_ICMP, FG_PROTO_ICMPV6})
        for (const auto &[host, more] : overflow_of_hosts(tick, proto)) {
            const ServiceCounts *known = tick.metrics.services().find({host, 0, proto});
            const std::uint64_t packets = more.received.packets + (known ? known->in.packets : 0);
            const double rate = static_cast<double>(packets) / tick.seconds();
            if (rate >= limits_.lasting / 2)
                suspects.add({host, 0, proto}, {.rate = rate,
                                                .overflow = more.received.packets,
                                                .more_sources = more.received.packets > 0 ? more.sources : 0});
        }
    for (const auto &[service, counts] : tick.metrics.services()) {
        const double rate = static_cast<double>(counts.in.packets) / tick.seconds();
        const bool hidden = service.proto == authentication_header && counts.unanswered.packets == counts.in.packets;
        if ((is_icmp(static_cast<std::uint8_t>(service.proto)) || hidden) && rate >= limits_.lasting / 2 &&
            !suspects.contains(service))
            suspects.add(service, {.rate = rate});
    }
    return suspects;
}

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem; those of ICMPv6.
bool IcmpFlood::mostly_errors(const Service &target, const Culprits &culprits)
{
    const auto type = culprits.dominant_source_port();
    if (!type)
        return false;
    if (target.proto == FG_PROTO_ICMPV6)
        return *type >= 1 && *type <= 4;
    return target.proto == FG_PROTO_ICMP && (*type == 3 || *type == 4 || *type == 5 || *type == 11 || *type == 12);
}

std::string describe_type(const Service &target, const Culprits &culprits)
{
    const auto type = culprits.dominant_source_port();
    if (target.proto == authentication_header)
        return "packets behind an authentication header";
    if (!type)
        return "ICMP packets of several types";
    const bool v6 = target.proto == FG_PROTO_ICMPV6;
    if (*type == (v6 ? 128 : 8))
        return "echo requests (pings)";
    if (*type == (v6 ? 129 : 0))
        return "echo replies that it did not ask for";
    return fmt::format("ICMP{} packets of type {}", v6 ? "v6" : "", *type);
}

void IcmpFlood::judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings)
{
    const Culprits &culprits = suspect.culprits;
    const ServiceCounts *counts = tick.metrics.services().find(target);
    const HostCounts *host = tick.metrics.hosts().find(target.address);
    /* An error answers a packet. Who sent as many gets what it caused. */
    const bool errors = mostly_errors(target, culprits);
    if (errors && host &&
        static_cast<double>(host->sent.packets) * errors_ >= static_cast<double>(culprits.volume.packets))
        return;
    const bool answered = counts && counts->out.packets * 2 >= counts->in.packets;
    const double factor = answered ? answered_ : 1;
    const FloodLimits limits{.at_once = limits_.at_once * factor, .lasting = limits_.lasting * factor};
    FloodWatch::State *state = watch_.judge(tick, target, suspect, limits);
    if (!state)
        return;
    /* `ping -f` by an administrator looks like this. */
    const bool test = answered && state->subject.source && tick.locality.is_ours(*state->subject.source);
    Finding finding = flood_finding({.detector = dos_icmp_flood,
                                     .severity = test ? Severity::Low : Severity::High,
                                     .limit = limits.lasting,
                                     .unit = "packets/s",
                                     .metric = "ICMP packets"},
                                    tick, target, suspect, *state);
    finding.explanation = fmt::format(
        "{} gets {:.0f} {} per second, {:.0f} bytes each on average, {}; it {}. More than {:.0f}/s at once or {:.0f}/s "
        "for {} s is a flood.{}",
        target.address.to_string(), suspect.rate, describe_type(target, culprits), culprits.mean_length(),
        describe_sources(suspect, finding.source_count), answered ? "answers them" : "does not answer", limits.at_once,
        limits.lasting, FloodWatch::lasting_ticks,
        test ? " One host of yours that gets answers may be an administrator's test (ping -f)." : "");
    finding.suggestion = finding.subject.source
                             ? fmt::format("flowguard block {} --for 1h --proto {}",
                                           finding.subject.source->to_string(),
                                           target.proto == FG_PROTO_ICMP ? "icmp" : "icmpv6")
                             : fmt::format("flowguard capture -w flood.pcap --filter 'dst host {} and (icmp or icmp6)'",
                                           target.address.to_string());
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 1> attack{"T1498.001"};
constexpr std::array<std::string_view, 4> explained{"dos.volume_spike", "dos.fragment_flood", "novelty.",
                                                    "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 200, 1, 1e9, "packets/s", "ICMP that is a flood in one tick"},
    Parameter{"lasting", 50, 1, 1e9, "packets/s", "ICMP that is a flood when it lasts for 5 s"},
    Parameter{"answered", 5, 1, 1000, "", "factor on the limits where the host answers"},
    Parameter{"errors", 2, 0, 1000, "", "errors per packet that the host sent, up to which it caused them"},
};

} // namespace

constinit const DetectorInfo dos_icmp_flood{
    .id = "dos.icmp_flood",
    .title = "ICMP flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<IcmpFlood>(given); },
};

} // namespace flowguard
