// SPDX-License-Identifier: Apache-2.0
/*
 * UDP that a host does not answer: from many sources, or from few under many ports, or one stream of enormous rate.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace flowguard {
namespace {

/// Where senders wait for no answer, or go on when the server is gone: DNS, NTP, SNMP and its
/// traps, syslog, RADIUS, NetFlow, iperf, RTP, IPFIX, sFlow, statsd, NetFlow again, GELF.
constexpr std::array<std::uint16_t, 17> one_way_ports{53,   123,  161,  162,  514,  1812, 1813, 2055, 4739,
                                                      5001, 5004, 5201, 6343, 8125, 9995, 9996, 12201};

class UdpFlood : public Detector {
  public:
    explicit UdpFlood(const Parameters &parameters)
        : limits_{.at_once = parameters["at_once"], .lasting = parameters["lasting"]},
          spread_(parameters["spread"]),
          stream_(parameters["stream"]),
          one_way_(parameters["one_way"]),
          refusal_(parameters["refusal"]),
          min_share_(parameters["min_share"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        watch_.begin_tick(tick);
        Suspects suspects = suspect_hosts(tick);
        suspects.gather(tick, true, unanswered_flow);
        if (suspects.empty())
            return;
        note_dialogues(tick, suspects);
        for (const auto &[target, suspect] : suspects)
            judge(tick, target, suspect, findings);
    }

  private:
    static bool unanswered_flow(const FlowDelta &delta)
    {
        return delta.flow->to_client.packets == 0 && !delta.flow->continued &&
               !(delta.flow->key.flags & FG_KEY_FRAGMENT);
    }

    Suspects suspect_hosts(const Tick &tick) const;
    void note_dialogues(const Tick &tick, const Suspects &suspects);
    FloodLimits limits_for(const Service &target, const Suspect &suspect) const;
    void judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings);

    FloodLimits limits_;
    double spread_;
    double stream_;
    double one_way_;
    double refusal_;
    double min_share_;
    FloodWatch watch_;
    std::set<IpAddress> in_dialogue_; ///< targets that answer their only source in some other flow
    std::set<IpAddress> refused_;     ///< targets that told their only source that nobody listens
};

Suspects UdpFlood::suspect_hosts(const Tick &tick) const
{
    Suspects suspects;
    auto overflow = overflow_of_hosts(tick, FG_PROTO_UDP);
    const auto add = [&](const IpAddress &host, const HostCounts &counts, const OverflowCounts &more) {
        const std::uint64_t unknown = unanswered(more);
        const std::uint64_t packets = counts.udp_unanswered.packets + unknown;
        const double rate = static_cast<double>(packets) / tick.seconds();
        if (rate >= limits_.lasting / 2 && !host.is_multicast() &&
            static_cast<double>(packets) >= min_share_ * static_cast<double>(counts.udp_answered))
            suspects.add({host, 0, FG_PROTO_UDP},
                         {.rate = rate, .overflow = unknown, .more_sources = unknown > 0 ? more.sources : 0});
    };
    for (const auto &[host, counts] : tick.metrics.hosts()) {
        const auto more = overflow.find(host);
        add(host, counts, more == overflow.end() ? OverflowCounts{} : more->second);
        if (more != overflow.end())
            overflow.erase(more);
    }
    for (const auto &[host, more] : overflow)
        add(host, {}, more);
    return suspects;
}

/// A stream beside which both speak in some other flow was agreed upon: media, a speed test.
void UdpFlood::note_dialogues(const Tick &tick, const Suspects &suspects)
{
    in_dialogue_.clear();
    refused_.clear();
    std::map<IpAddress, IpAddress> source_of;
    for (const auto &[target, suspect] : suspects)
        if (const auto source = suspect.culprits.dominant_source())
            source_of.emplace(target.address, *source);
    if (source_of.empty())
        return;
    for (const FlowDelta &delta : tick.flows) {
        const Flow &flow = *delta.flow;
        if (is_icmp(flow.key.proto)) {
            const auto source = source_of.find(flow.key.client);
            const std::uint16_t unreachable = flow.key.proto == FG_PROTO_ICMP ? 3 : 1;
            if (source != source_of.end() && source->second == flow.key.server && flow.key.client_port == unreachable)
                refused_.insert(flow.key.client);
            continue;
        }
        const auto by = source_of.find(flow.key.server);
        if (by != source_of.end() && by->second == flow.key.client && flow.to_client.packets > flow.server_sent.tcp.rst)
            in_dialogue_.insert(flow.key.server);
        const auto to = source_of.find(flow.key.client);
        if (to != source_of.end() && to->second == flow.key.server && flow.to_server.packets > 0)
            in_dialogue_.insert(flow.key.client);
    }
}

FloodLimits UdpFlood::limits_for(const Service &target, const Suspect &suspect) const
{
    constexpr double most_packets_per_flow = 3; /* each packet from a new port, or hardly more */
    constexpr double scan_length = 200;         /* bytes: probes are shorter */
    const Culprits &culprits = suspect.culprits;
    const auto port = culprits.dominant_port();
    const bool one_way = port && std::ranges::find(one_way_ports, *port) != one_way_ports.end();
    const double factor = one_way ? one_way_ : 1;
    if (static_cast<double>(std::max(culprits.sources.count(), suspect.more_sources)) >= spread_)
        return {.at_once = limits_.at_once * factor, .lasting = limits_.lasting * factor};
    const bool scattered = culprits.packets_per_flow() <= most_packets_per_flow;
    const bool like_scan = !port && culprits.mean_length() < scan_length;
    if (scattered && !like_scan && !in_dialogue_.contains(target.address))
        return {.at_once = 1.5 * limits_.at_once * factor, .lasting = 1.5 * limits_.lasting * factor};
    /* What comes from a service's port is rather a download of which only one side is seen. */
    const auto source_port = culprits.dominant_source_port();
    const double answers = source_port && (*source_port == 443 || *source_port == 80) ? one_way_ : 1;
    const double talk = in_dialogue_.contains(target.address) ? one_way_ : 1;
    const double limit = stream_ * factor * answers * talk / (refused_.contains(target.address) ? refusal_ : 1);
    return {.at_once = limit, .lasting = limit};
}

void UdpFlood::judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings)
{
    constexpr double answer_length = 400; /* bytes: requests and forged ones are shorter */
    const Culprits &culprits = suspect.culprits;
    /* Answers of many that were not asked for are another detector's. */
    if (culprits.volume.packets > 0 && (culprits.sources.count() > 1 || culprits.mean_length() >= answer_length) &&
        static_cast<double>(culprits.from_reflectors) >=
            Culprits::dominant_share * static_cast<double>(culprits.volume.packets))
        return;
    const FloodLimits limits = limits_for(target, suspect);
    FloodWatch::State *state = watch_.judge(tick, target, suspect, limits);
    if (!state)
        return;
    if (const auto port = culprits.dominant_port(); port && state->ticks == 1)
        state->subject.port = port;
    Finding finding = flood_finding({.detector = dos_udp_flood,
                                     .limit = limits.lasting,
                                     .unit = "packets/s",
                                     .metric = "UDP packets without an answer"},
                                    tick, target, suspect, *state);
    const auto port = culprits.dominant_port();
    finding.explanation = fmt::format(
        "{} gets {:.0f} UDP packets/s ({:.1f} Mbit/s, {:.0f} bytes each on average) at {} that it does not answer, {}. "
        "Of this shape, more than {:.0f}/s at once or {:.0f}/s for {} s is a flood.",
        target.address.to_string(), suspect.rate, suspect.rate * culprits.mean_length() * 8 / 1e6,
        culprits.mean_length(), port ? fmt::format("port {}", *port) : "many ports",
        describe_sources(suspect, finding.source_count), limits.at_once, limits.lasting, FloodWatch::lasting_ticks);
    if (finding.subject.source)
        finding.suggestion = fmt::format("flowguard block {} --for 1h", finding.subject.source->to_string());
    else if (port)
        finding.suggestion = fmt::format("flowguard limit --service udp/{} --rate {:.0f}/s", *port, limits.lasting);
    else
        finding.suggestion = fmt::format("flowguard capture -w flood.pcap --filter 'udp and dst host {}'",
                                         target.address.to_string());
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 1> attack{"T1498.001"};
constexpr std::array<std::string_view, 4> explained{"dos.volume_spike", "dos.fragment_flood", "novelty.",
                                                    "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 200, 1, 1e9, "packets/s", "unanswered packets from many sources that are a flood in one tick"},
    Parameter{"lasting", 100, 1, 1e9, "packets/s", "the same when they last for 5 s"},
    Parameter{"spread", 20, 2, 1e6, "sources", "as many are many"},
    Parameter{"stream", 5000, 1, 1e9, "packets/s", "of a single unanswered stream, which may be media"},
    Parameter{"one_way", 10, 1, 1000, "", "factor on the limits where one-way traffic is usual"},
    Parameter{"refusal", 5, 1, 1000, "", "divides `stream` where the host says that nobody listens (ICMP unreachable)"},
    Parameter{"min_share", 0.25, 0, 100, "", "unanswered packets per answered one, below which nothing is a flood"},
};

} // namespace

constinit const DetectorInfo dos_udp_flood{
    .id = "dos.udp_flood",
    .title = "UDP flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<UdpFlood>(given); },
};

} // namespace flowguard
