// SPDX-License-Identifier: Apache-2.0
/*
 * A host of ours serves a client on a TCP port where it never answered before: a handshake and data, not the SYN-ACK alone
 * that a scan draws from a service that was there all the time.
 */
#include "flowguard/detect/detectors.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/habits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

constexpr TimeNs day_ns = 86'400'000'000'000;
constexpr TimeNs minute_ns = 60'000'000'000;
/// Handshake and data: SYN, ACK and a segment with payload from the client, SYN-ACK, ACK and payload from the service.
constexpr std::uint64_t talk = 3;
/// Where operating systems take ports from for themselves (Linux 32768 to 60999, IANA 49152 to 65535): peer-to-peer
/// software, RPC and passive FTP listen there anew each time.
constexpr std::uint16_t first_ephemeral = 32'768;
constexpr std::uint16_t ftp_control = 21;

struct Listener {
    TimeNs since = 0;
    TimeNs last = 0;
    std::uint64_t served = 0; ///< clients that were talked to; flows, precisely
    bool strangers = false;   ///< among them
    bool told = false;
    bool done = false; ///< its incident has closed: it is news no more
    Distinct clients;
    Evidence evidence;
};

class NoveltyListener : public Detector {
  public:
    explicit NoveltyListener(const Parameters &parameters) : min_flows_(parameters["min_flows"]) {}

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
        for (const Service &service : active_)
            judge(tick, service, *listeners_.find(service), findings);
    }

  private:
    void forget(TimeNs now)
    {
        if (now >= swept_ && now - swept_ < minute_ns)
            return;
        swept_ = now;
        listeners_.erase_if([now](const Service &, const Listener &listener) {
            return listener.last > now || now - listener.last > day_ns;
        });
    }

    void judge(const Tick &tick, const Service &service, Listener &listener, std::vector<Finding> &findings) const
    {
        if (static_cast<double>(listener.served) < min_flows_)
            return;
        Finding finding = describe(service, listener);
        listener.done |= listener.told && !tick.incidents.is_open(finding.detector, finding.subject);
        listener.told = true;
        if (!listener.done)
            findings.push_back(std::move(finding));
    }

    /// All services of a host that is new itself are new; that is no news about them.
    static bool is_known(const Tick &tick, const IpAddress &host)
    {
        const Habits *habits = tick.baselines.habits(host);
        return habits && tick.baselines.maturity(*habits) == Maturity::Ready;
    }

    void note(const Tick &tick, const FlowDelta &delta)
    {
        const Flow &flow = *delta.flow;
        const FlowKey &key = flow.key;
        if (key.proto != FG_PROTO_TCP || key.server_port >= first_ephemeral || flow.server_sent.tcp.syn_ack == 0)
            return;
        const Service service{key.server, key.server_port, key.proto};
        Listener *listener = listeners_.find(service);
        if (!listener) {
            if (delta.server_sent.tcp.syn_ack == 0 || !tick.locality.is_ours(key.server) ||
                !is_known(tick, key.server) ||
                tick.baselines.knows_service(key.server, FG_PROTO_TCP, key.server_port) || is_ftp_data(tick, key))
                return;
            listener = listeners_.at(service);
            if (!listener)
                return;
            listener->since = std::max(tick.begin, flow.start);
        }
        listener->last = tick.end;
        active_.push_back(service);
        /* Once a flow: in the tick in which both have talked. */
        const auto talked = [](const Volume &server, const Volume &client) {
            return server.packets >= talk && client.packets >= talk;
        };
        const Volume before_server{flow.to_server.packets - delta.to_server.packets, 0};
        const Volume before_client{flow.to_client.packets - delta.to_client.packets, 0};
        if (!talked(flow.to_server, flow.to_client) || talked(before_server, before_client))
            return;
        listener->served++;
        listener->strangers |= tick.locality.direction(key) == Locality::Direction::In;
        listener->clients.note(key.client);
        listener->evidence = Evidence::of(flow);
    }

    /// A data connection of passive FTP: its client has a control connection at the same moment.
    static bool is_ftp_data(const Tick &tick, const FlowKey &data)
    {
        return std::ranges::any_of(tick.flows, [&](const FlowDelta &delta) {
            const FlowKey &key = delta.flow->key;
            return key.server_port == ftp_control && key.proto == FG_PROTO_TCP && key.client == data.client &&
                   key.server == data.server;
        });
    }

    static Finding describe(const Service &service, const Listener &listener)
    {
        const std::string host = service.address.to_string();
        const std::uint64_t clients = listener.clients.count();
        Finding finding{
            .detector = novelty_listener.id,
            .severity = listener.strangers ? Severity::Medium : Severity::Low,
            .subject = {.source = {}, .target = service.address, .proto = FG_PROTO_TCP, .port = service.port},
            .since = listener.since,
            .observed = static_cast<double>(listener.served),
            .expected = 0,
            .unit = "connections",
            .metric = "connections served on a port that was never served before",
            .source_count = clients,
            .sources = listener.clients.first(),
            .targets = {service.address},
            .explanation = fmt::format(
                "{} serves TCP port {}, where it never answered before: {} connection{} with data from {} client{}, "
                "{}. "
                "Either somebody installed a service, or a back door listens. 'ss -ltnp sport = :{}' on the host says "
                "which program it is.",
                host, service.port, listener.served, listener.served == 1 ? "" : "s", clients, clients == 1 ? "" : "s",
                listener.strangers ? "from outside, too" : "all of them inside", service.port),
            .suggestion = fmt::format("flowguard flows --filter 'host {} and tcp port {}'", host, service.port),
            .evidence = {listener.evidence}};
        finding.sources.resize(std::min(finding.sources.size(), Finding::max_listed));
        return finding;
    }

    double min_flows_;
    BoundedMap<Service, Listener, BytesHash> listeners_{4'096};
    std::vector<Service> active_;
    TimeNs swept_ = 0;
};

constexpr std::array<std::string_view, 2> attack{"T1571", "T1133"};
constexpr std::array parameters{
    Parameter{"min_flows", 1, 1, 1e6, "connections", "with data in both directions, that make a listener"},
};

} // namespace

constinit const DetectorInfo novelty_listener{
    .id = "novelty.listener",
    .title = "New listener",
    .category = "Novelty",
    .attack = attack,
    .hold = std::chrono::minutes(10),
    .explains = {},
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> {
        return std::make_unique<NoveltyListener>(given);
    },
};

} // namespace flowguard
