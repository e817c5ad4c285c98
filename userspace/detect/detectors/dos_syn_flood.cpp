// SPDX-License-Identifier: Apache-2.0
/*
 * TCP without connections: SYNs that no client completes, at one service or at a host whatever the port, and segments
 * that belong to no connection (ACK floods).
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

class SynFlood : public Detector {
  public:
    explicit SynFlood(const Parameters &parameters)
        : limits_{.at_once = parameters["at_once"], .lasting = parameters["lasting"]},
          min_share_(parameters["min_share"]),
          spread_(parameters["spread"]),
          refused_(parameters["refused"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        services_.begin_tick(tick);
        hosts_.begin_tick(tick);
        strays_.begin_tick(tick);
        named_.clear();
        judge_services(tick, findings);
        judge_hosts(tick, findings);
        judge_strays(tick, findings);
    }

  private:
    static bool half_open(const FlowDelta &delta)
    {
        const Flow &flow = *delta.flow;
        const fg_tcp_counts &sent = flow.client_sent.tcp;
        return delta.client_sent.tcp.syn > 0 && flow.to_server.packets <= std::uint64_t{sent.syn} + sent.rst;
    }
    static bool stray(const FlowDelta &delta)
    {
        const Flow &flow = *delta.flow;
        return delta.begun && flow.client_sent.tcp.syn == 0 && flow.to_client.packets <= flow.server_sent.tcp.rst;
    }

    Suspects suspect_services(const Tick &tick) const;
    void judge_services(const Tick &tick, std::vector<Finding> &findings);
    void judge_hosts(const Tick &tick, std::vector<Finding> &findings);
    void judge_strays(const Tick &tick, std::vector<Finding> &findings);

    FloodLimits limits_;
    double min_share_;
    double spread_;
    double refused_;
    FloodWatch services_;
    FloodWatch hosts_;
    FloodWatch strays_;
    std::vector<IpAddress> named_; ///< in this tick
};

std::string suggestion_for(const Subject &subject, double limit)
{
    if (subject.source)
        return fmt::format("flowguard block {} --for 1h", subject.source->to_string());
    return subject.port
               ? fmt::format("flowguard limit --service tcp/{} --new-connections --rate {:.0f}/s", *subject.port, limit)
               : fmt::format("flowguard capture -w flood.pcap --filter 'tcp and host {}'", subject.target->to_string());
}

Suspects SynFlood::suspect_services(const Tick &tick) const
{
    Suspects suspects;
    auto overflow = overflow_of_services(tick, FG_PROTO_TCP);
    const auto add = [&](const Service &service, const ServiceCounts &counts, const OverflowCounts &more) {
        /* Of a connection that is completed, SYNs are one packet in four at most. */
        const std::uint64_t more_syn = more.syn * 2 >= more.received.packets ? more.syn : 0;
        const std::uint64_t syn = counts.half_open_syn + more_syn;
        const double rate = static_cast<double>(syn) / tick.seconds();
        if (rate >= limits_.lasting / 2 &&
            static_cast<double>(syn) >= min_share_ * static_cast<double>(counts.completed))
            suspects.add(service,
                         {.rate = rate, .overflow = more_syn, .more_sources = more_syn > 0 ? more.sources : 0});
    };
    for (const auto &[service, counts] : tick.metrics.services()) {
        if (service.proto != FG_PROTO_TCP)
            continue;
        const auto more = overflow.find(service);
        add(service, counts, more == overflow.end() ? OverflowCounts{} : more->second);
        if (more != overflow.end())
            overflow.erase(more);
    }
    for (const auto &[service, more] : overflow)
        add(service, {}, more);
    return suspects;
}

void SynFlood::judge_services(const Tick &tick, std::vector<Finding> &findings)
{
    Suspects suspects = suspect_services(tick);
    suspects.gather(tick, false, half_open);
    for (const auto &[service, suspect] : suspects) {
        const ServiceCounts *counts = tick.metrics.services().find(service);
        const bool refused = counts && counts->rst_out * 2 > counts->half_open;
        const double factor = refused ? refused_ : 1;
        const FloodLimits limits{.at_once = limits_.at_once * factor, .lasting = limits_.lasting * factor};
        FloodWatch::State *state = services_.judge(tick, service, suspect, limits);
        if (!state)
            continue;
        named_.push_back(service.address);
        Finding finding = flood_finding(
            {.detector = dos_syn_flood, .limit = limits.lasting, .unit = "SYN/s", .metric = "half-open connections"},
            tick, service, suspect, *state);
        finding.explanation = fmt::format(
            "{} TCP/{} gets {:.0f} SYN/s that no client completes, {}; {} connections were completed in the same "
            "second{}. More than {:.0f}/s at once or {:.0f}/s for {} s is a flood. Each SYN takes a place among the "
            "half-open connections of the service until it has none for its clients.",
            service.address.to_string(), service.port, suspect.rate, describe_sources(suspect, finding.source_count),
            counts ? counts->completed : 0, refused ? ", and it refuses them" : "", limits.at_once, limits.lasting,
            FloodWatch::lasting_ticks);
        finding.suggestion = suggestion_for(finding.subject, limits.lasting);
        findings.push_back(std::move(finding));
    }
}

/// Spread over the ports of a host. One source that does this is a port scan.
void SynFlood::judge_hosts(const Tick &tick, std::vector<Finding> &findings)
{
    Suspects suspects;
    for (const auto &[host, counts] : tick.metrics.hosts()) {
        const double rate = static_cast<double>(counts.half_open_syn) / tick.seconds();
        if (rate >= limits_.lasting / 2 && std::ranges::find(named_, host) == named_.end() &&
            static_cast<double>(counts.half_open_syn) >= min_share_ * static_cast<double>(counts.completed))
            suspects.add({host, 0, FG_PROTO_TCP}, {.rate = rate});
    }
    suspects.gather(tick, true, half_open);
    for (const auto &[target, suspect] : suspects) {
        if (static_cast<double>(suspect.culprits.sources.count()) < spread_)
            continue;
        FloodWatch::State *state = hosts_.judge(tick, target, suspect, limits_);
        if (!state)
            continue;
        Finding finding = flood_finding(
            {.detector = dos_syn_flood, .limit = limits_.lasting, .unit = "SYN/s", .metric = "half-open connections"},
            tick, target, suspect, *state);
        finding.explanation = fmt::format(
            "{} gets {:.0f} SYN/s at {}{} ports that no client completes, {}. More than {:.0f}/s at once or {:.0f}/s "
            "for {} s, from {:.0f} sources or more, is a flood and not a port scan.",
            target.address.to_string(), suspect.rate, suspect.culprits.target_ports.size(),
            suspect.culprits.target_ports.size() >= 256 ? " or more" : "",
            describe_sources(suspect, finding.source_count), limits_.at_once, limits_.lasting,
            FloodWatch::lasting_ticks, spread_);
        finding.suggestion = suggestion_for(finding.subject, limits_.lasting);
        findings.push_back(std::move(finding));
    }
}

/// Segments of no connection: new "flows" without a SYN, one packet each or hardly more, all alike, never answered.
void SynFlood::judge_strays(const Tick &tick, std::vector<Finding> &findings)
{
    constexpr double most_packets_per_flow = 3;
    Suspects suspects;
    for (const auto &[host, counts] : tick.metrics.hosts()) {
        const double rate = static_cast<double>(counts.stray) / tick.seconds();
        if (rate >= limits_.lasting / 2 && !host.is_multicast())
            suspects.add({host, 0, FG_PROTO_TCP}, {.rate = rate});
    }
    suspects.gather(tick, true, stray);
    for (const auto &[target, suspect] : suspects) {
        const Culprits &culprits = suspect.culprits;
        const bool alike = culprits.min_length == culprits.max_length;
        const bool flood = alike && culprits.packets_per_flow() <= most_packets_per_flow &&
                           (culprits.dominant_port() || static_cast<double>(culprits.sources.count()) >= spread_);
        const FloodLimits limits{.at_once = 2 * limits_.at_once, .lasting = 2 * limits_.lasting};
        FloodWatch::State *state = flood ? strays_.judge(tick, target, suspect, limits) : nullptr;
        if (!state)
            continue;
        Finding finding = flood_finding({.detector = dos_syn_flood,
                                         .limit = limits.lasting,
                                         .unit = "packets/s",
                                         .metric = "TCP segments of no connection"},
                                        tick, target, suspect, *state);
        finding.explanation = fmt::format(
            "{} gets {:.0f} TCP segments/s of {} bytes each that belong to no connection, without a SYN and without "
            "an answer, {}. More than {:.0f}/s at once or {:.0f}/s for {} s is a flood.",
            target.address.to_string(), suspect.rate, culprits.max_length,
            describe_sources(suspect, finding.source_count), limits.at_once, limits.lasting, FloodWatch::lasting_ticks);
        finding.suggestion = suggestion_for(finding.subject, limits.lasting);
        findings.push_back(std::move(finding));
    }
}

constexpr std::array<std::string_view, 2> attack{"T1499.001", "T1498.001"};
constexpr std::array<std::string_view, 4> explained{"dos.connection_flood", "dos.volume_spike", "novelty.",
                                                    "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 100, 1, 1e9, "SYN/s", "half-open connections that are a flood in one tick"},
    Parameter{"lasting", 30, 1, 1e9, "SYN/s", "half-open connections that are a flood when they last for 5 s"},
    Parameter{"min_share", 0.5, 0, 100, "", "half-open connections per completed one, below which nothing is a flood"},
    Parameter{"spread", 50, 2, 1e6, "sources", "fewer that probe many ports of a host are a scan"},
    Parameter{"refused", 3, 1, 1000, "", "factor on the limits where the service refuses with resets"},
};

} // namespace

constinit const DetectorInfo dos_syn_flood{
    .id = "dos.syn_flood",
    .title = "SYN flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<SynFlood>(given); },
};

} // namespace flowguard
