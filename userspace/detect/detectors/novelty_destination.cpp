// SPDX-License-Identifier: Apache-2.0
/*
 * A host that hardly ever meets strangers begins to deal with one, much or again and again; or with many at once.
 * New addresses are the daily bread of whoever browses: hosts that meet them as a rule are not spoken of.
 */
#include "flowguard/detect/detectors.h"

#include "flowguard/core/protocols.h"
#include "flowguard/detect/habits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace flowguard {
namespace {

constexpr TimeNs minute_ns = 60'000'000'000;
constexpr TimeNs hour_ns = 60 * minute_ns;

struct Pair {
    IpAddress host;
    IpAddress peer;

    auto operator<=>(const Pair &) const = default;
};

/// What a host did with one new peer.
struct Dealing {
    TimeNs since = 0;
    TimeNs last = 0;
    Volume sent;
    Volume received;
    TimeNs minute = 0;         ///< the last one that was counted
    std::uint32_t minutes = 0; ///< with traffic
    bool answered = false;     ///< by more than resets
    Evidence evidence;         ///< the latest flow
    bool told = false;
    bool done = false; ///< its incident has closed: it is news no more
};

/// A host's new peers within an hour.
struct Meetings {
    std::uint32_t count = 0;
    TimeNs since = 0;
    std::vector<IpAddress> peers; ///< the first of them
};

class NoveltyDestination : public Detector {
  public:
    explicit NoveltyDestination(const Parameters &parameters)
        : max_usual_(parameters["max_usual"]),
          min_bytes_(parameters["min_bytes"]),
          min_minutes_(parameters["min_minutes"]),
          min_peers_(parameters["min_peers"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (tick.baselines.knowledge() != Maturity::Ready)
            return;
        forget(tick.begin);
        active_.clear();
        for (const FlowDelta &delta : tick.flows)
            note(tick, delta);
        std::ranges::sort(active_);
        active_.erase(std::ranges::unique(active_).begin(), active_.end());
        for (const Pair &pair : active_)
            judge(tick, pair, findings);
    }

  private:
    void forget(TimeNs now)
    {
        if (now >= swept_ && now - swept_ < minute_ns)
            return;
        swept_ = now;
        const auto old = [now](TimeNs then) { return then > now || now - then > hour_ns; };
        dealings_.erase_if([&](const Pair &, const Dealing &dealing) { return old(dealing.last); });
        meetings_.erase_if([&](const IpAddress &, const Meetings &meetings) { return old(meetings.since); });
    }

    void note(const Tick &tick, const FlowDelta &delta)
    {
        const FlowKey &key = delta.flow->key;
        const Pair pair{key.client, key.server};
        Dealing *dealing = dealings_.find(pair);
        if (!dealing) {
            if (!delta.begun || delta.flow->continued || key.server.is_multicast() ||
                tick.locality.direction(key) != Locality::Direction::Out || tick.baselines.knows_peer(key.server))
                return;
            dealing = dealings_.at(pair);
            if (!dealing)
                return;
            dealing->since = std::max(tick.begin, delta.flow->start);
        }
        if (!dealing->answered && delta.to_client.packets > delta.server_sent.tcp.rst) {
            dealing->answered = true;
            meet(tick, pair);
        }
        dealing->sent += delta.to_server;
        dealing->received += delta.to_client;
        dealing->last = tick.end;
        dealing->evidence = Evidence::of(*delta.flow);
        if (const TimeNs minute = tick.begin / minute_ns; minute != dealing->minute) {
            dealing->minute = minute;
            dealing->minutes++;
        }
        active_.push_back(pair);
    }

    void meet(const Tick &tick, const Pair &pair)
    {
        Meetings *meetings = meetings_.at(pair.host);
        if (!meetings)
            return;
        if (meetings->count++ == 0)
            meetings->since = tick.begin;
        if (meetings->peers.size() < Finding::max_listed)
            meetings->peers.push_back(pair.peer);
    }

    void judge(const Tick &tick, const Pair &pair, std::vector<Finding> &findings)
    {
        const Habits *habits = tick.baselines.habits(pair.host);
        Dealing &dealing = *dealings_.find(pair);
        if (!habits || habits->new_peers.hours == 0 || !dealing.answered ||
            tick.baselines.maturity(*habits) != Maturity::Ready)
            return;
        /* What one hour in a hundred or less brings. */
        const double most = std::expm1(habits->new_peers.location + 3.0 * habits->new_peers.scale);
        if (most > max_usual_)
            return;
        const double usual = std::expm1(habits->new_peers.location);
        const Meetings *meetings = meetings_.find(pair.host);
        if (meetings && meetings->count >= min_peers_)
            return findings.push_back(many(pair, *meetings, dealing, usual));
        const auto bytes = static_cast<double>(dealing.sent.bytes + dealing.received.bytes);
        if (bytes < min_bytes_ && dealing.minutes < min_minutes_)
            return;
        Finding finding = one(tick, pair, dealing, usual);
        dealing.done |= dealing.told && !tick.incidents.is_open(finding.detector, finding.subject);
        dealing.told = true;
        if (!dealing.done)
            findings.push_back(std::move(finding));
    }

    Finding many(const Pair &pair, const Meetings &meetings, const Dealing &dealing, double usual) const
    {
        return {
            .detector = novelty_destination.id,
            .severity = Severity::Low,
            .subject = {.source = pair.host, .target = {}, .proto = {}, .port = {}},
            .since = meetings.since,
            .observed = static_cast<double>(meetings.count),
            .expected = usual,
            .unit = "addresses/h",
            .metric = "destinations never used before",
            .source_count = 1,
            .sources = {pair.host},
            .targets = meetings.peers,
            .explanation = fmt::format(
                "{} exchanged packets with {} addresses within an hour that no host here had ever used, {} among "
                "them; it usually meets {:.1f} an hour, and {:.0f} are the threshold. A program that it did not run "
                "before, peer-to-peer software or a bot, does that.",
                pair.host.to_string(), meetings.count, pair.peer.to_string(), usual, min_peers_),
            .suggestion = fmt::format("flowguard flows --filter 'host {}'", pair.host.to_string()),
            .evidence = {dealing.evidence}};
    }

    Finding one(const Tick &tick, const Pair &pair, const Dealing &dealing, double usual) const
    {
        const auto bytes = static_cast<double>(dealing.sent.bytes + dealing.received.bytes);
        const bool much = bytes >= min_bytes_;
        const std::string name = tick.names.name_of(pair.peer);
        return {
            .detector = novelty_destination.id,
            .severity = Severity::Low,
            .subject = {.source = pair.host, .target = pair.peer, .proto = {}, .port = {}},
            .since = dealing.since,
            .observed = much ? bytes : dealing.minutes,
            .expected = much ? min_bytes_ : min_minutes_,
            .unit = much ? "bytes" : "min",
            .metric = much ? "traffic with a destination never used before"
                           : "minutes of traffic with a destination never used before",
            .source_count = 1,
            .sources = {pair.host},
            .targets = {pair.peer},
            .explanation = fmt::format(
                "{} deals with {}{}, which no host here had ever used: {:.2f} MB sent and {:.2f} MB received in {} "
                "minute{} with traffic (from {:.1f} MB or {:.0f} minutes on it is told). It usually meets {:.1f} new "
                "addresses an hour. If nobody installed or configured anything there, ask what it is for.",
                pair.host.to_string(), pair.peer.to_string(), name.empty() ? "" : fmt::format(" ({})", name),
                static_cast<double>(dealing.sent.bytes) / 1e6, static_cast<double>(dealing.received.bytes) / 1e6,
                dealing.minutes, dealing.minutes == 1 ? "" : "s", min_bytes_ / 1e6, min_minutes_, usual),
            .suggestion = fmt::format("flowguard block {} --out --for 1h", pair.peer.to_string()),
            .evidence = {dealing.evidence}};
    }

    double max_usual_;
    double min_bytes_;
    double min_minutes_;
    double min_peers_;
    BoundedMap<Pair, Dealing, BytesHash> dealings_{8'192};
    BoundedMap<IpAddress, Meetings, BytesHash> meetings_{4'096};
    std::vector<Pair> active_;
    TimeNs swept_ = 0;
};

constexpr std::array<std::string_view, 2> attack{"T1071", "T1041"};
constexpr std::array parameters{
    Parameter{"max_usual", 3, 0, 1e6, "addresses/h", "hosts that may meet more new ones in an hour are not spoken of"},
    Parameter{"min_bytes", 1e6, 0, 1e15, "bytes", "less is no substantial traffic"},
    Parameter{"min_minutes", 10, 2, 1440, "min", "with traffic: then little traffic is told, too"},
    Parameter{"min_peers", 20, 2, 1e6, "addresses/h", "then they are told as one"},
};

} // namespace

constinit const DetectorInfo novelty_destination{
    .id = "novelty.destination",
    .title = "New destination",
    .category = "Novelty",
    .attack = attack,
    .hold = std::chrono::minutes(10),
    .explains = {},
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> {
        return std::make_unique<NoveltyDestination>(given);
    },
};

} // namespace flowguard
