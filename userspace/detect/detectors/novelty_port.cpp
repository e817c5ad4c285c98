// SPDX-License-Identifier: Apache-2.0
/*
 * Data went both ways over TCP with a port at which no known service listens, and nothing explains it: no control channel
 * that agreed on the port, no swarm of peers, no service that several hosts use.
 */
#include "flowguard/detect/detectors.h"

#include "../few.h"
#include "../payload.h"
#include "../service_ports.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs memory = 600 * second; ///< of what explains a port
constexpr TimeNs day = 86'400 * second;
constexpr std::uint16_t first_dynamic = 49'152; ///< RFC 6335: agreed on by both sides, never a service by itself

struct Pair {
    IpAddress client;
    IpAddress server;

    auto operator<=>(const Pair &) const = default;
};

/// What was told of a host of ours and a port of strangers: once a day is enough, and of many servers the first.
struct Told {
    IpAddress server;
    TimeNs last = 0;
    bool over = false;
};

/// A connection that may be one.
struct Candidate {
    std::uint32_t turns = 0; ///< ticks in which data flowed
    TimeNs last = 0;
};

class NoveltyPort : public Detector {
  public:
    explicit NoveltyPort(const Parameters &parameters)
        : min_seconds_(parameters["min_seconds"]),
          max_peers_(static_cast<std::size_t>(parameters["max_peers"])),
          max_clients_(static_cast<std::size_t>(parameters["max_clients"]))
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        for (const FlowDelta &delta : tick.flows)
            remember(tick, delta);
        for (const FlowDelta &delta : tick.flows)
            if (is_candidate(tick, *delta.flow))
                judge(tick, delta, findings);
        forget(tick.end);
    }

  private:
    static constexpr std::size_t max_entries = 8192; ///< of each map
    static constexpr std::size_t enough = 8;

    /// Ports that agree on further ports between the same hosts: FTP, portmap, RPC, RTSP, H.323, SIP, Kerberos and SMB of
    /// a domain whose members go on to RPC.
    static bool is_control(std::uint16_t port)
    {
        constexpr std::array<std::uint16_t, 13> ports{20, 21, 88, 111, 135, 389, 445, 554, 990, 1720, 1723, 3268, 5060};
        return std::ranges::find(ports, port) != ports.end();
    }

    void remember(const Tick &tick, const FlowDelta &delta)
    {
        const FlowKey &key = delta.flow->key;
        if ((key.proto != FG_PROTO_TCP && key.proto != FG_PROTO_UDP) || key.server.is_multicast())
            return;
        if (is_control(key.server_port)) {
            if (TimeNs *time = control_.at({std::min(key.client, key.server), std::max(key.client, key.server)}))
                *time = tick.end;
            return;
        }
        if (!delta.begun || is_service_port(key.server_port) || is_periodic_port(key.server_port))
            return;
        const auto direction = tick.locality.direction(key);
        if (direction == Locality::Direction::Out || direction == Locality::Direction::In) {
            const bool out = direction == Locality::Direction::Out;
            if (auto *peers = peers_.at(out ? key.client : key.server))
                peers->note(out ? key.server : key.client, tick.end);
        }
        if (auto *clients = clients_.at({key.server, key.server_port, key.proto}))
            clients->note(key.client, tick.end);
        if (auto *users = users_.at(key.server_port);
            users && key.proto == FG_PROTO_TCP && direction == Locality::Direction::Out)
            users->note(key.client, tick.end);
    }

    static bool is_candidate(const Tick &tick, const Flow &flow)
    {
        const FlowKey &key = flow.key;
        /* Who opened it must be known: a capture that began later may take the client's port for the server's. */
        if (key.proto != FG_PROTO_TCP || flow.client_sent.tcp.syn == 0 || flow.server_sent.tcp.syn_ack == 0)
            return false;
        if (is_service_port(key.server_port) || key.client == key.server)
            return false;
        const auto direction = tick.locality.direction(key);
        return direction == Locality::Direction::Out || direction == Locality::Direction::Internal;
    }

    void judge(const Tick &tick, const FlowDelta &delta, std::vector<Finding> &findings)
    {
        const Flow &flow = *delta.flow;
        const std::uint64_t up = payload_bytes(flow.key, flow.to_server, flow.client_sent, flow.client_sent);
        const std::uint64_t down = payload_bytes(flow.key, flow.to_client, flow.server_sent, flow.server_sent);
        constexpr std::uint64_t least = 40; ///< bytes: a heart-beat says less, a prompt and its answer say more
        if (up == 0 || down == 0 || up + down < least)
            return;
        Candidate *candidate = candidates_.at(flow.id);
        if (!candidate)
            return;
        const bool data = payload_bytes(flow.key, delta.to_server, delta.client_sent, flow.client_sent) > 0 ||
                          payload_bytes(flow.key, delta.to_client, delta.server_sent, flow.server_sent) > 0;
        candidate->turns += data ? 1 : 0;
        candidate->last = tick.end;
        const bool out = tick.locality.direction(flow.key) == Locality::Direction::Out;
        const bool interactive = is_interactive(flow, *candidate, up, down);
        /* Within the site odd ports are everyday: there it must look like somebody typing as well. */
        const bool sign = interactive || (out && !is_looked_up(tick, flow.key));
        if (!lasts(flow) || !sign || is_explained(tick, flow.key, out) || is_known(tick, flow.key, out) ||
            (out && was_told(tick, flow.key)))
            return;
        findings.push_back(describe(tick, flow, out, interactive, up, down));
    }

    /// Programs look their servers up by name; a shell or a loader is often given an address. Where it is known what is
    /// normal here, that decides alone.
    static bool is_looked_up(const Tick &tick, const FlowKey &key)
    {
        return tick.baselines.knowledge() != Maturity::Ready && !tick.names.name_of(key.server).empty();
    }

    /// Long enough for a swarm of peers to show, or over.
    bool lasts(const Flow &flow) const
    {
        return flow.state == FlowState::Closed ||
               static_cast<double>(flow.last - flow.start) >= min_seconds_ * static_cast<double>(second);
    }

    /// A command line: short packets in both directions, in turns that people or their tools take.
    static bool is_interactive(const Flow &flow, const Candidate &candidate, std::uint64_t up, std::uint64_t down)
    {
        constexpr std::uint32_t min_turns = 2;
        constexpr std::uint64_t short_packet = 400; ///< bytes of payload in the mean
        return candidate.turns >= min_turns && up / flow.to_server.packets < short_packet &&
               down / flow.to_client.packets < short_packet && flow.last - flow.start >= 5 * second;
    }

    bool is_explained(const Tick &tick, const FlowKey &key, bool out) const
    {
        const TimeNs *control = control_.find({std::min(key.client, key.server), std::max(key.client, key.server)});
        if (control && tick.end - *control <= memory && key.server_port >= 1024)
            return true;
        if (const auto *peers = peers_.find(key.client); out && peers && peers->count() > max_peers_)
            return true;
        constexpr std::size_t product = 2; ///< hosts with the same odd port at strangers have something in common
        if (const auto *users = users_.find(key.server_port); out && users && users->count() >= product)
            return true;
        const auto *clients = clients_.find({key.server, key.server_port, key.proto});
        return clients && clients->count() >= max_clients_;
    }

    bool was_told(const Tick &tick, const FlowKey &key)
    {
        Told *told = told_.at({key.client, key.server_port, key.proto});
        if (!told)
            return true;
        if (told->last == 0 || tick.end - told->last > day)
            *told = {.server = key.server};
        else if (tick.end - told->last > std::chrono::nanoseconds(novelty_port.hold).count())
            told->over = true;
        told->last = tick.end;
        return told->over || told->server != key.server;
    }

    static bool is_known(const Tick &tick, const FlowKey &key, bool out)
    {
        if (tick.baselines.knowledge() != Maturity::Ready)
            return false;
        return out ? tick.baselines.knows_remote_port(key.proto, key.server_port)
                   : tick.baselines.knows_service(key.server, key.proto, key.server_port);
    }

    static Finding describe(const Tick &tick, const Flow &flow, bool out, bool interactive, std::uint64_t up,
                            std::uint64_t down)
    {
        const FlowKey &key = flow.key;
        const bool ready = tick.baselines.knowledge() == Maturity::Ready;
        const std::string client = key.client.to_string();
        const std::string server = key.server.to_string();
        return {
            .detector = novelty_port.id,
            .severity = interactive && ready ? Severity::Medium : Severity::Low,
            .subject = {.source = key.client, .target = key.server, .proto = key.proto, .port = key.server_port},
            .since = flow.start,
            .observed = static_cast<double>(up + down),
            .expected = 0,
            .unit = "bytes",
            .metric = "data exchanged with an unusual port",
            .source_count = 1,
            .sources = {key.client},
            .targets = {key.server},
            .explanation = fmt::format(
                "{} opened a connection to TCP port {} of {}{} and exchanged {} bytes to it and {} bytes from it in "
                "{:.0f} s. No known service listens there, and neither an earlier control connection between the two "
                "nor other users of the port explain it{}.{} Find out which program on {} has the connection.",
                client, key.server_port, out ? "the stranger " : "", server, up, down,
                static_cast<double>(flow.last - flow.start) / 1e9,
                ready ? "; it was never used while the baseline was learnt" : "",
                interactive ? " The short packets in both directions look like a command line." : "", client),
            .suggestion = fmt::format("flowguard block {} --both --for 1h", server),
            .evidence = {Evidence::of(flow)}};
    }

    void forget(TimeNs now)
    {
        const auto few = [now](const auto &hosts, TimeNs longest) { return now - hosts.last() > longest; };
        const auto last = [now](const auto &each, TimeNs longest) { return now - each.last > longest; };
        control_.make_room(memory, [now](TimeNs time, TimeNs longest) { return now - time > longest; });
        peers_.make_room(memory, few);
        clients_.make_room(memory, few);
        users_.make_room(memory, few);
        told_.make_room(memory, last);
        candidates_.make_room(memory, last);
    }

    using Strangers = Few<IpAddress, enough, memory>;

    double min_seconds_;
    std::size_t max_peers_;
    std::size_t max_clients_;
    BoundedMap<Pair, TimeNs, BytesHash> control_{max_entries};       ///< the lower address first
    BoundedMap<IpAddress, Strangers, BytesHash> peers_{max_entries}; ///< of a host, at odd ports
    BoundedMap<Service, Strangers, BytesHash> clients_{max_entries};
    BoundedMap<std::uint16_t, Few<IpAddress, 2, day>, BytesHash> users_{max_entries}; ///< of a port of strangers
    BoundedMap<Service, Told, BytesHash> told_{max_entries};                          ///< by client and the port
    BoundedMap<std::uint64_t, Candidate, BytesHash> candidates_{max_entries};         ///< by flow id
};

constexpr std::array<std::string_view, 1> attack{"T1571"};
constexpr std::array parameters{
    Parameter{"min_seconds", 3, 0, 3600, "s", "that a connection lasts, unless it was closed before"},
    Parameter{"max_peers", 4, 1, 7, "strangers", "at odd ports within 10 minutes; with more it is peer-to-peer"},
    Parameter{"max_clients", 3, 2, 8, "hosts", "that use the port of one server; as many make it a service"},
};

} // namespace

constinit const DetectorInfo novelty_port{
    .id = "novelty.port",
    .title = "Unusual port",
    .category = "Novelty",
    .attack = attack,
    .hold = std::chrono::minutes(5),
    .explains = {},
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<NoveltyPort>(given); },
};

} // namespace flowguard
