// SPDX-License-Identifier: Apache-2.0
/*
 * Fragments that never make a whole: each waits in the victim's memory for the first fragment of its datagram.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

/// Who sends to whom by which protocol.
struct Sender {
    IpAddress source;
    IpAddress target;
    std::uint64_t proto = 0; ///< as wide, so that there is no padding

    auto operator<=>(const Sender &) const = default;
};

struct Fragments {
    std::uint64_t later = 0; ///< fragments after the first
    std::uint64_t whole = 0; ///< packets with ports, among which the first fragments are
};

class FragmentFlood : public Detector {
  public:
    explicit FragmentFlood(const Parameters &parameters)
        : limits_{.at_once = parameters["at_once"], .lasting = parameters["lasting"]},
          per_datagram_(parameters["per_datagram"]),
          per_segment_(parameters["per_segment"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        watch_.begin_tick(tick);
        Suspects suspects = suspect_hosts(tick);
        suspects.gather(tick, true, [](const FlowDelta &delta) { return delta.flow->key.flags & FG_KEY_FRAGMENT; });
        for (const auto &[target, suspect] : suspects)
            judge(tick, target, suspect, findings);
    }

  private:
    Suspects suspect_hosts(const Tick &tick) const;
    double orphans(const Sender &sender, const Fragments &counts) const
    {
        const double each = sender.proto == FG_PROTO_TCP ? per_segment_ : per_datagram_;
        return std::max(0.0, static_cast<double>(counts.later) - each * static_cast<double>(counts.whole));
    }
    void judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings);

    static constexpr std::size_t max_senders = 8192;
    FloodLimits limits_;
    double per_datagram_;
    double per_segment_;
    FloodWatch watch_;
};

Suspects FragmentFlood::suspect_hosts(const Tick &tick) const
{
    const double least = limits_.lasting / 2 * tick.seconds();
    const auto many = [&](const auto &host) { return static_cast<double>(host.second.fragments) >= least; };
    if (std::ranges::none_of(tick.metrics.hosts(), many))
        return {};
    BoundedMap<Sender, Fragments, BytesHash> senders(max_senders);
    std::map<Service, double> rates;
    const auto count_later = [&](const IpAddress &source, const IpAddress &target, std::uint8_t proto,
                                 std::uint64_t packets) {
        if (packets == 0)
            return;
        if (Fragments *own = senders.at({source, target, proto}))
            own->later += packets;
        else if (const HostCounts *host = tick.metrics.hosts().find(target); host && many(std::pair(target, *host)))
            rates[{target, 0, proto}] += static_cast<double>(packets);
    };
    for (const FlowDelta &delta : tick.flows) {
        const FlowKey &key = delta.flow->key;
        if (!(key.flags & FG_KEY_FRAGMENT))
            continue;
        count_later(key.client, key.server, key.proto, delta.to_server.packets);
        count_later(key.server, key.client, key.proto, delta.to_client.packets);
    }
    for (const FlowDelta &delta : tick.flows) {
        const FlowKey &key = delta.flow->key;
        if (key.flags & FG_KEY_FRAGMENT)
            continue;
        if (Fragments *own = senders.find({key.client, key.server, key.proto}))
            own->whole += delta.to_server.packets;
        if (Fragments *own = senders.find({key.server, key.client, key.proto}))
            own->whole += delta.to_client.packets;
    }
    for (const auto &[sender, counts] : senders)
        if (const double alone = orphans(sender, counts); alone > 0)
            rates[{sender.target, 0, static_cast<std::uint16_t>(sender.proto)}] += alone;
    Suspects suspects;
    for (const auto &[target, packets] : rates)
        if (packets >= least)
            suspects.add(target, {.rate = packets / tick.seconds()});
    return suspects;
}

void FragmentFlood::judge(const Tick &tick, const Service &target, const Suspect &suspect,
                          std::vector<Finding> &findings)
{
    FloodWatch::State *state = watch_.judge(tick, target, suspect, limits_);
    if (!state)
        return;
    Finding finding = flood_finding({.detector = dos_fragment_flood,
                                     .limit = limits_.lasting,
                                     .unit = "fragments/s",
                                     .metric = "fragments without a first one"},
                                    tick, target, suspect, *state);
    const double each = target.proto == FG_PROTO_TCP ? per_segment_ : per_datagram_;
    finding.explanation = fmt::format(
        "{} gets {:.0f} fragments/s of IP protocol {} whose datagrams never begin, {}: even if each whole packet of "
        "the same sender were the beginning of {:.0f} fragments, they would be left over. More than {:.0f}/s at once "
        "or {:.0f}/s for {} s is a flood: the host keeps each for seconds, waiting for the rest.",
        target.address.to_string(), suspect.rate, target.proto, describe_sources(suspect, finding.source_count), each,
        limits_.at_once, limits_.lasting, FloodWatch::lasting_ticks);
    finding.suggestion = finding.subject.source
                             ? fmt::format("flowguard block {} --for 1h", finding.subject.source->to_string())
                             : fmt::format(
                                   "flowguard capture -w flood.pcap --filter 'dst host {} and ip[6:2] & 0x1fff != 0'",
                                   target.address.to_string());
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 2> attack{"T1498.001", "T1499.001"};
constexpr std::array<std::string_view, 3> explained{"dos.volume_spike", "novelty.", "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 100, 1, 1e9, "fragments/s", "left-over fragments that are a flood in one tick"},
    Parameter{"lasting", 30, 1, 1e9, "fragments/s", "left-over fragments that are a flood when they last for 5 s"},
    Parameter{"per_datagram", 44, 1, 8191, "fragments", "after the first: of 64 KiB over an MTU of 1500 bytes"},
    Parameter{"per_segment", 4, 1, 8191, "fragments", "after the first, of TCP, which fits its segments to the path"},
};

} // namespace

constinit const DetectorInfo dos_fragment_flood{
    .id = "dos.fragment_flood",
    .title = "Fragment flood",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<FragmentFlood>(given); },
};

} // namespace flowguard
