// SPDX-License-Identifier: Apache-2.0
/*
 * Slowloris and its like: connections of one client that stay open while the service never gets a whole request, so that
 * it never sends data. Kept by counts: opened, served (the first data of the service), ended.
 */
#include "flowguard/detect/detectors.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace flowguard {
namespace {

struct Pair {
    IpAddress client;
    IpAddress server;
    std::uint64_t port = 0; ///< as wide, so that there is no padding

    auto operator<=>(const Pair &) const = default;
};

struct Open {
    std::int64_t waiting = 0; ///< connections that the service sent no data in
    TimeNs many_since = 0;    ///< when they became as many as matter; 0: they are fewer
    TimeNs first = 0;
    TimeNs last = 0; ///< when one of them had a packet, or ended
    std::vector<Evidence> evidence;
};

/// The client went beyond its SYN, so it has a connection, or acts as if it had; and the service has sent no data yet.
bool is_waiting(const Flow &flow) { return flow.connected && flow.server_longest <= longest_without_data(flow); }

bool was_waiting(const FlowDelta &delta)
{
    return delta.was_connected && delta.server_longest_before <= longest_without_data(*delta.flow);
}

class SlowConnections : public Detector {
  public:
    explicit SlowConnections(const Parameters &parameters)
        : connections_(parameters["connections"]),
          seconds_(parameters["seconds"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        for (const FlowDelta &delta : tick.flows)
            if (delta.flow->key.proto == FG_PROTO_TCP && !(delta.flow->key.flags & FG_KEY_NO_PORTS))
                note(tick, delta);
        for (const Flow *flow : tick.ended)
            if (flow->key.proto == FG_PROTO_TCP && flow->reason != FlowReason::Active)
                note_ended(tick, *flow);
        /* A flow that was evicted ends without notice; none lives for longer without a packet. */
        constexpr std::chrono::nanoseconds forgotten = std::chrono::minutes(30);
        pairs_.erase_if([&](const Pair &, const Open &open) {
            return open.waiting <= 0 || tick.end - open.last > forgotten.count();
        });
        std::vector<Pair> many;
        for (const auto &[pair, open] : pairs_)
            if (static_cast<double>(open.waiting) >= connections_ / 2)
                many.push_back(pair);
        std::ranges::sort(many);
        for (const Pair &pair : many)
            judge(tick, pair, *pairs_.find(pair), findings);
    }

  private:
    static Pair pair_of(const Flow &flow) { return {flow.key.client, flow.key.server, flow.key.server_port}; }

    void note(const Tick &tick, const FlowDelta &delta)
    {
        const bool was = was_waiting(delta);
        const bool is = is_waiting(*delta.flow);
        if (is && !was)
            open(tick, *delta.flow);
        else if (was && !is)
            close(tick, *delta.flow);
        else if (Open *open = is ? pairs_.find(pair_of(*delta.flow)) : nullptr)
            open->last = tick.end;
    }
    void note_ended(const Tick &tick, const Flow &flow)
    {
        if (is_waiting(flow))
            close(tick, flow);
    }
    void open(const Tick &tick, const Flow &flow)
    {
        constexpr std::size_t max_evidence = 5;
        Open *open = pairs_.at(pair_of(flow));
        if (!open)
            return;
        open->waiting++;
        open->last = tick.end;
        open->first = open->first == 0 ? flow.start : std::min(open->first, flow.start);
        if (open->evidence.size() < max_evidence)
            open->evidence.push_back(Evidence::of(flow));
    }
    void close(const Tick &tick, const Flow &flow)
    {
        if (Open *open = pairs_.find(pair_of(flow))) {
            open->waiting--;
            open->last = tick.end;
        }
    }
    void judge(const Tick &tick, const Pair &pair, Open &open, std::vector<Finding> &findings) const;

    static constexpr std::size_t max_pairs = 65'536;
    double connections_;
    double seconds_;
    BoundedMap<Pair, Open, BytesHash> pairs_{max_pairs};
};

void SlowConnections::judge(const Tick &tick, const Pair &pair, Open &open, std::vector<Finding> &findings) const
{
    const Subject subject{.source = pair.client,
                          .target = pair.server,
                          .proto = FG_PROTO_TCP,
                          .port = static_cast<std::uint16_t>(pair.port)};
    const bool named = tick.incidents.is_open(dos_slow_connections.id, subject);
    const auto waiting = static_cast<double>(open.waiting);
    if (waiting < connections_ && !named) {
        open.many_since = 0;
        return;
    }
    if (open.many_since == 0)
        open.many_since = tick.end;
    const double lasted = static_cast<double>(tick.end - open.many_since) / 1e9;
    if ((lasted < seconds_ && !named) || pair.client == pair.server || pair.client.is_loopback())
        return;
    Finding finding{.detector = dos_slow_connections.id,
                    .severity = Severity::High,
                    .subject = subject,
                    .since = open.first,
                    .observed = waiting,
                    .expected = connections_,
                    .unit = "connections",
                    .metric = "open connections without an answer",
                    .source_count = 1,
                    .sources = {pair.client},
                    .targets = {pair.server},
                    .explanation = {},
                    .suggestion = fmt::format("flowguard block {} --for 1h", pair.client.to_string()),
                    .evidence = open.evidence};
    finding.explanation = fmt::format(
        "{} holds {} connections to {} TCP/{} open in which the service has sent no data, because no request was ever "
        "complete; {:.0f} or more for {:.0f} s. Each occupies a worker of the service. Fewer than {:.0f} for {:.0f} s "
        "are not named; idle connections that were served once do not count.",
        pair.client.to_string(), open.waiting, pair.server.to_string(), pair.port, connections_, lasted, connections_,
        seconds_);
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 1> attack{"T1499.002"};
constexpr std::array<std::string_view, 3> explained{"dos.connection_flood", "novelty.", "mix.protocol"};
constexpr std::array parameters{
    Parameter{"connections", 50, 2, 1e6, "connections", "of one client to one service, open and never served"},
    Parameter{"seconds", 10, 1, 3600, "s", "for which they stay so"},
};

} // namespace

constinit const DetectorInfo dos_slow_connections{
    .id = "dos.slow_connections",
    .title = "Connections held open",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> {
        return std::make_unique<SlowConnections>(given);
    },
};

} // namespace flowguard
