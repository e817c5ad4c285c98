// SPDX-License-Identifier: Apache-2.0
/*
 * One host of ours asks one service the same thing again and again, at even gaps, and gets the same small answer: what
 * an implant does that waits for orders. Monitoring does it too, to many servers; products do it on many hosts.
 */
#include "flowguard/detect/detectors.h"

#include "../beacon_company.h"
#include "../beacon_track.h"
#include "../service_ports.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace flowguard {
namespace {

constexpr std::size_t max_tracks = 32'768; ///< about 200 bytes each, and 800 more for those that came back
constexpr std::size_t max_histories = 8'192;
constexpr std::size_t max_beacons = 512; ///< named at a time

/// What was measured of a track that is a beacon.
struct Beacon {
    Regularity gaps;
    Regularity up;
    Regularity down;
    std::size_t bursts = 0;
    std::size_t needed = 0;
    bool kept = false; ///< most bursts are within one connection
    TimeNs first = 0;
    TimeNs last = 0;
    Evidence flow; ///< of the latest burst
};

/// What implants speak inside of a site too; the other known services there have clients that ask evenly by nature.
bool is_web_port(std::uint16_t port)
{
    constexpr std::array<std::uint16_t, 6> ports{80, 443, 8000, 8080, 8443, 8888};
    return std::ranges::find(ports, port) != ports.end();
}

class C2Beacon : public Detector {
  public:
    explicit C2Beacon(const Parameters &parameters)
        : min_bursts_(static_cast<std::size_t>(parameters["min_bursts"])),
          max_jitter_(parameters["max_jitter"]),
          max_bytes_(parameters["max_bytes"]),
          max_gap_(parameters["max_gap"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        find_unanswered(tick);
        for (const FlowDelta &delta : tick.flows)
            if (concerns(tick, delta))
                note(tick.end, delta);
        make_room(tick.end);
        company_.forget(tick.end);
        for (auto it = beacons_.begin(); it != beacons_.end();) {
            const double silent = static_cast<double>(tick.end - it->second.last) / 1e9;
            /* Two periods were missed: it is over, or asleep. */
            it = silent > 3 * it->second.gaps.median + 5 ? beacons_.erase(it) : std::next(it);
        }
        for (const auto &[key, beacon] : beacons_)
            if (!is_ordinary(tick, key, beacon))
                findings.push_back(describe(tick, key, beacon));
    }

  private:
    static constexpr std::size_t even_so_far = 4; ///< requests that make a series company of others
    using Pair = std::pair<IpAddress, IpAddress>;

    static bool is_one_way(const FlowDelta &delta)
    {
        return delta.flow->key.proto == FG_PROTO_UDP && delta.flow->to_client.packets == 0;
    }

    /// UDP may be answered by another flow: which hosts sent something to whom one-way.
    void find_unanswered(const Tick &tick)
    {
        one_way_.clear();
        constexpr std::size_t most = 4096;
        for (const FlowDelta &delta : tick.flows)
            if (is_one_way(delta) && one_way_.size() < most && tick.locality.is_ours(delta.flow->key.server))
                one_way_.emplace(delta.flow->key.client, delta.flow->key.server);
    }

    bool concerns(const Tick &tick, const FlowDelta &delta) const
    {
        const Flow &flow = *delta.flow;
        const FlowKey &key = flow.key;
        if ((key.proto != FG_PROTO_TCP && key.proto != FG_PROTO_UDP) || key.server.is_multicast() ||
            key.client == key.server || is_periodic_port(key.server_port) || !tick.locality.is_ours(key.client))
            return false;
        if (key.proto == FG_PROTO_UDP)
            return flow.to_client.packets > 0 || one_way_.contains({key.server, key.client});
        /* A capture that began amid a connection may have guessed the client wrongly. */
        const bool client_known = flow.client_sent.tcp.syn > 0 ||
                                  key.server_port < std::min<int>(key.client_port, 32'768);
        return client_known && flow.to_client.packets > flow.server_sent.tcp.rst;
    }

    void note(TimeNs now, const FlowDelta &delta)
    {
        const FlowKey &flow = delta.flow->key;
        const BeaconKey key{flow.client, flow.server, flow.server_port, flow.proto};
        Exchange exchange = Exchange::of(delta);
        if (is_one_way(delta))
            exchange.down = 1;
        BeaconTrack *track = exchange.client_first != 0 ? tracks_.at(key) : tracks_.find(key);
        if (!track || !track->note(exchange))
            return;
        judge(now, key, *track, *delta.flow);
    }

    /// The more even, the fewer are needed: what people do comes at gaps whose dispersion is about 0.7.
    std::size_t needed(double dispersion) const
    {
        if (dispersion <= 0.10)
            return min_bursts_;
        return dispersion <= 0.25 ? 2 * min_bursts_ - 2 : 4 * min_bursts_;
    }

    void judge(TimeNs now, const BeaconKey &key, const BeaconTrack &track, const Flow &flow)
    {
        const auto &history = *track.history();
        Beacon beacon{.gaps = Regularity::of(history.gaps.values()),
                      .up = Regularity::of(history.up.values()),
                      .down = Regularity::of(history.down.values()),
                      .bursts = track.bursts(),
                      .needed = 0,
                      .kept = track.opened() * 2 < track.bursts(),
                      .first = track.first(),
                      .last = track.last(),
                      .flow = Evidence::of(flow)};
        if (beacon.bursts >= even_so_far && beacon.gaps.dispersion <= 0.25 && beacon.up.dispersion <= 0.25)
            company_.note(key, beacon.gaps.median, now);
        beacon.needed = needed(beacon.gaps.dispersion);
        const auto open = beacons_.find(key);
        const double slack = open == beacons_.end() ? 1.0 : 1.25; /* what was named closes later than it opens */
        if (beacon.bursts >= beacon.needed && is_beacon(beacon, slack)) {
            if (open != beacons_.end())
                open->second = beacon;
            else if (beacons_.size() < max_beacons)
                beacons_.emplace(key, beacon);
        } else if (open != beacons_.end()) {
            beacons_.erase(open);
        }
    }

    bool is_beacon(const Beacon &beacon, double slack) const
    {
        const bool even = beacon.gaps.dispersion <= max_jitter_ * slack && beacon.gaps.skew <= 0.6 * slack &&
                          beacon.gaps.within >= 0.9 / slack && beacon.gaps.median <= max_gap_;
        const bool alike = beacon.up.dispersion <= 0.25 * slack && beacon.down.dispersion <= 0.35 * slack;
        const bool small = beacon.up.median <= max_bytes_ * slack && beacon.down.median <= max_bytes_ * slack;
        return even && alike && small;
    }

    bool is_ordinary(const Tick &tick, const BeaconKey &key, const Beacon &beacon) const
    {
        if (company_.polls(key, beacon.gaps.median) || company_.serves(key))
            return true;
        if (tick.locality.is_ours(key.server))
            return key.proto == FG_PROTO_TCP && is_service_port(key.port) && !is_web_port(key.port);
        /* Programs look up whom they stay connected with: the heart-beat of a web page or of a push service. */
        return beacon.kept && !tick.names.name_of(key.server).empty();
    }

    static std::string explain(const Tick &tick, const BeaconKey &key, const Beacon &beacon)
    {
        const std::string name = tick.names.name_of(key.server);
        return fmt::format(
            "{} asked {}{} at {} port {} {} times{}, every {:.1f} s: half of the gaps are within {:.0f} % of that. A "
            "request has about {:.0f} bytes, an answer {:.0f}, and they are alike. With gaps so even, {} requests are "
            "enough to be taken for a beacon; people, and programs that work for them, ask at uneven times. It is "
            "neither one of many servers that {} polls, nor one that several hosts ask so. Find out which program on "
            "{} asks.",
            key.client.to_string(), key.server.to_string(), name.empty() ? "" : " (" + name + ")",
            key.proto == FG_PROTO_TCP ? "TCP" : "UDP", key.port, beacon.bursts,
            beacon.kept ? " within connections that stay open" : "", beacon.gaps.median, 100 * beacon.gaps.dispersion,
            beacon.up.median, beacon.down.median, beacon.needed, key.client.to_string(), key.client.to_string());
    }

    static Finding describe(const Tick &tick, const BeaconKey &key, const Beacon &beacon)
    {
        return {.detector = c2_beacon.id,
                .severity = Severity::Low,
                .subject = {.source = key.client,
                            .target = key.server,
                            .proto = static_cast<std::uint8_t>(key.proto),
                            .port = key.port},
                .since = beacon.first,
                .observed = static_cast<double>(beacon.bursts),
                .expected = static_cast<double>(beacon.needed),
                .unit = "requests",
                .metric = "evenly spaced, alike requests",
                .source_count = 1,
                .sources = {key.client},
                .targets = {key.server},
                .explanation = explain(tick, key, beacon),
                .suggestion = fmt::format("flowguard block {} --both --for 1h", key.server.to_string()),
                .evidence = {beacon.flow}};
    }

    /// Drops what came least often and longest ago.
    void make_room(TimeNs now)
    {
        constexpr TimeNs hour = 3'600'000'000'000;
        tracks_.make_room(4 * hour, [now](const BeaconTrack &track, TimeNs longest) {
            return now - track.last() > (track.bursts() < 3 ? longest / 8 : longest);
        });
    }

    std::size_t min_bursts_;
    double max_jitter_;
    double max_bytes_;
    double max_gap_;
    BoundedMap<BeaconKey, BeaconTrack, BytesHash> tracks_{max_tracks};
    BeaconCompany company_;
    std::map<BeaconKey, Beacon> beacons_;
    std::set<Pair> one_way_;
};

constexpr std::array<std::string_view, 2> attack{"T1071", "T1571"};
constexpr std::array parameters{
    Parameter{"min_bursts", 10, 4, 1000, "requests",
              "fewer are never a beacon; with jitter twice or four times as many"},
    Parameter{"max_jitter", 0.45, 0.01, 0.6, "share", "median absolute deviation of the gaps over their median"},
    Parameter{"max_bytes", 20'000, 100, 1e9, "bytes", "of payload in a usual request, and in a usual answer"},
    Parameter{"max_gap", 3600, 1, 86'400, "s", "between requests"},
};

} // namespace

constinit const DetectorInfo c2_beacon{
    .id = "c2.beacon",
    .title = "Beacon",
    .category = "Command and control",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = {},
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<C2Beacon>(given); },
};

} // namespace flowguard
