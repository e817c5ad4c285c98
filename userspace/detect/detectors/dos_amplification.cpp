// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that nobody asked for: services that reflect, asked in the victim's name, send it more than they were sent.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/flood.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

/// Asked for one by one, never by multicast: who has asked a whole network may still be a victim of these.
constexpr std::array<std::uint16_t, 8> unicast_ports{17, 19, 53, 111, 123, 161, 389, 11211};
/// Also what carries streams: a single one may be a call or a tunnel of which one side is seen.
constexpr std::array<std::uint16_t, 4> stream_ports{1194, 3389, 3478, 5060};

template <std::size_t n> bool is_one_of(const std::array<std::uint16_t, n> &ports, std::optional<std::uint16_t> port)
{
    return port && std::ranges::find(ports, *port) != ports.end();
}

class Amplification : public Detector {
  public:
    explicit Amplification(const Parameters &parameters)
        : limits_{.at_once = parameters["at_once"], .lasting = parameters["lasting"]},
          reflectors_(parameters["reflectors"]),
          large_(parameters["large"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        watch_.begin_tick(tick);
        note_askers(tick);
        Suspects suspects;
        for (const auto &[host, counts] : tick.metrics.hosts()) {
            const double rate = static_cast<double>(counts.reflected.packets) / tick.seconds();
            if (rate >= limits_.lasting / 2 && !host.is_multicast())
                suspects.add({host, 0, FG_PROTO_UDP}, {.rate = rate});
        }
        suspects.gather(tick, true, [](const FlowDelta &delta) {
            return delta.flow->to_client.packets == 0 && !delta.flow->continued &&
                   reflects(delta.flow->key.client_port) && !(delta.flow->key.flags & FG_KEY_FRAGMENT);
        });
        for (const auto &[target, suspect] : suspects)
            judge(tick, target, suspect, findings);
    }

  private:
    void note_askers(const Tick &tick);
    bool is_reflection(const Culprits &culprits) const;
    double factor(const Service &target, const Culprits &culprits) const;
    void judge(const Tick &tick, const Service &target, const Suspect &suspect, std::vector<Finding> &findings);

    FloodLimits limits_;
    double reflectors_;
    double large_;
    FloodWatch watch_;
    static constexpr std::size_t max_askers = 4096;
    static constexpr std::chrono::nanoseconds patience = std::chrono::seconds(60);
    BoundedMap<IpAddress, TimeNs, BytesHash> askers_{max_askers}; ///< who asked a whole network, and when last
};

void Amplification::note_askers(const Tick &tick)
{
    askers_.erase_if([&](const IpAddress &, TimeNs time) { return tick.end - time > patience.count(); });
    for (const FlowDelta &delta : tick.flows) {
        const FlowKey &key = delta.flow->key;
        const bool everybody = key.server.is_multicast() || (key.server.is_v4() && key.server.bytes()[15] == 255);
        if (key.proto == FG_PROTO_UDP && everybody && delta.to_server.packets > 0)
            if (TimeNs *time = askers_.at(key.client))
                *time = tick.end;
    }
}

/// Many reflectors, or answers that are large: a server that answers too late is neither.
bool Amplification::is_reflection(const Culprits &culprits) const
{
    const auto port = culprits.dominant_source_port();
    const bool many = static_cast<double>(culprits.sources.count()) >= reflectors_;
    const bool large = culprits.mean_length() >= large_;
    if (is_one_of(stream_ports, port) && !many)
        return false;
    /* Clients of NTP, BACnet and others ask from the port at which they ask. */
    if (port && port == culprits.dominant_port() && !large)
        return false;
    return many || large;
}

double Amplification::factor(const Service &target, const Culprits &culprits) const
{
    constexpr double careful = 10;
    if (askers_.find(target.address) && !is_one_of(unicast_ports, culprits.dominant_source_port()))
        return careful;
    /* A resolver of which only the incoming side is seen: small answers, each to another port. */
    const bool scattered = culprits.target_ports.size() > 16 && culprits.packets_per_flow() < 2;
    return scattered && culprits.mean_length() < large_ && !culprits.dominant_port() &&
                   culprits.dominant_source_port() == 53
               ? careful
               : 1;
}

void Amplification::judge(const Tick &tick, const Service &target, const Suspect &suspect,
                          std::vector<Finding> &findings)
{
    const Culprits &culprits = suspect.culprits;
    if (!is_reflection(culprits))
        return;
    const double careful = factor(target, culprits);
    const FloodLimits limits{.at_once = limits_.at_once * careful, .lasting = limits_.lasting * careful};
    FloodWatch::State *state = watch_.judge(tick, target, suspect, limits);
    if (!state)
        return;
    Finding finding = flood_finding({.detector = dos_amplification,
                                     .limit = limits.lasting,
                                     .unit = "packets/s",
                                     .metric = "answers that were not asked for"},
                                    tick, target, suspect, *state);
    const auto port = culprits.dominant_source_port();
    const std::string from = port ? fmt::format("{} (UDP port {})", reflector_name(*port), *port)
                                  : std::string("several services that reflect");
    finding.explanation = fmt::format(
        "{} gets {:.0f} answers/s of {} ({:.1f} Mbit/s, {:.0f} bytes each on average) without having asked, {}: "
        "somebody asks these servers in its name. More than {:.0f}/s at once or {:.0f}/s for {} s, of {:.0f} "
        "servers or of {:.0f} bytes each, is a reflection attack.",
        target.address.to_string(), suspect.rate, from, suspect.rate * culprits.mean_length() * 8 / 1e6,
        culprits.mean_length(), describe_sources(suspect, finding.source_count), limits.at_once, limits.lasting,
        FloodWatch::lasting_ticks, reflectors_, large_);
    finding.suggestion = finding.subject.source
                             ? fmt::format("flowguard block {} --for 1h --proto udp",
                                           finding.subject.source->to_string())
                             : fmt::format("flowguard capture -w flood.pcap --filter 'udp{} and dst host {}'",
                                           port ? fmt::format(" src port {}", *port) : "", target.address.to_string());
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 1> attack{"T1498.002"};
/// Routers answer the forged questions, too: with ICMP errors.
constexpr std::array<std::string_view, 6> explained{"dos.icmp_flood",   "dos.udp_flood", "dos.fragment_flood",
                                                    "dos.volume_spike", "novelty.",      "mix.protocol"};
constexpr std::array parameters{
    Parameter{"at_once", 100, 1, 1e9, "packets/s", "answers that are an attack in one tick"},
    Parameter{"lasting", 20, 1, 1e9, "packets/s", "answers that are an attack when they last for 5 s"},
    Parameter{"reflectors", 10, 2, 1e6, "servers", "as many make an attack of answers of any size"},
    Parameter{"large", 400, 60, 65535, "bytes", "mean frame that makes an attack of answers of any server"},
};

} // namespace

constinit const DetectorInfo dos_amplification{
    .id = "dos.amplification",
    .title = "Reflected amplification attack",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(30),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<Amplification>(given); },
};

} // namespace flowguard
