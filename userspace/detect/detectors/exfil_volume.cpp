// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads that nobody should be surprised by are to peers that are known, or looked up by name. Named is a large one to a
 * stranger that was never met, or that is known by its address only; mail that a workstation hands to a stranger itself;
 * data for ports that intrusion tools use; and one that is far from what the host does at that hour.
 */
#include "exfil_upload.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/nameser.h>
#include <array>
#include <optional>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr std::uint16_t smtp_port = 25;

/// Of Metasploit's payloads, and of jokes: what is legitimate there is rare.
bool is_tool_port(std::uint16_t port) { return port == 1337 || port == 4444 || port == 31337; }

bool is_mail_port(std::uint16_t port)
{
    constexpr std::array<std::uint16_t, 7> ports{smtp_port, 110, 143, 465, 587, 993, 995};
    return std::ranges::count(ports, port) > 0;
}

/// What went between a host of ours and a peer since they are busy.
struct Upload {
    Volume out;
    Volume in;
    std::uint64_t out_mail = 0; ///< bytes to SMTP
    std::uint64_t in_mail = 0;
    std::uint64_t out_tool = 0; ///< bytes to ports of tools
    std::uint64_t in_tool = 0;
    std::uint64_t unusual = 0; ///< bytes out while the host sent far more than expected
    TimeNs first = 0;
    TimeNs last = 0;
    Maturity novelty = Maturity::None;
    bool internal = false;
    bool nameless = false;
    Evidence largest; ///< flow
};

/// Why an upload is named.
struct Verdict {
    Severity severity = Severity::Low;
    std::uint64_t out = 0;
    std::uint64_t in = 0;
    double threshold = 0;
    std::string reason;
};

class ExfilVolume : public Detector {
  public:
    explicit ExfilVolume(const Parameters &parameters)
        : min_bytes_(parameters["min_bytes"]),
          min_ratio_(parameters["min_ratio"]),
          min_mail_bytes_(parameters["min_mail_bytes"]),
          min_tool_bytes_(parameters["min_tool_bytes"]),
          min_unusual_bytes_(parameters["min_unusual_bytes"]),
          deviations_(parameters["deviations"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (since_ == 0)
            since_ = tick.begin;
        users_.note(tick);
        touched_.clear();
        for (const DnsMessage &message : tick.dns)
            if (message.type == ns_t_mx && tick.locality.is_ours(message.client))
                mail_hosts_.at(message.client); /* programs of users are told their server; who relays looks it up */
        for (const FlowDelta &delta : tick.flows) {
            if (delta.begun)
                new_peers_.note(tick, delta);
            if (delta.to_server.bytes + delta.to_client.bytes >= min_tick_bytes)
                note(tick, delta);
        }
        std::ranges::sort(touched_);
        const auto same = std::ranges::unique(touched_);
        touched_.erase(same.begin(), same.end());
        for (const UploadKey &key : touched_)
            judge(tick, key, findings);
        age(tick.end);
    }

  private:
    static constexpr std::uint64_t min_tick_bytes = 10'000; ///< of a flow: less is not in a hurry, see exfil.slow
    static constexpr std::size_t max_pairs = 8192;
    static constexpr std::size_t max_mail_hosts = 4096;

    void note(const Tick &tick, const FlowDelta &delta)
    {
        const Flow &flow = *delta.flow;
        const FlowKey &key = flow.key;
        const auto direction = tick.locality.direction(key);
        if (is_mail_port(key.server_port) && delta.to_client.packets > 0 && tick.locality.is_ours(key.server))
            mail_hosts_.at(key.server);
        const bool internal = direction == Locality::Direction::Internal;
        if ((direction != Locality::Direction::Out && !(internal && is_tool_port(key.server_port))) ||
            (key.proto != FG_PROTO_TCP && key.proto != FG_PROTO_UDP) || key.server.is_multicast() ||
            key.client.is_loopback() || !is_begun_by_client(flow, since_))
            return;
        Upload *upload = uploads_.at({key.client, key.server});
        if (!upload)
            return;
        if (upload->first == 0) {
            upload->first = flow.start;
            upload->internal = internal;
            upload->novelty = new_peers_.novelty(key.server);
            upload->nameless = key.proto == FG_PROTO_TCP && users_.went_nameless(tick, key.client, key.server);
        }
        add(tick, delta, *upload);
        touched_.push_back({key.client, key.server});
    }

    void add(const Tick &tick, const FlowDelta &delta, Upload &upload) const
    {
        const FlowKey &key = delta.flow->key;
        upload.last = tick.end;
        upload.out += delta.to_server;
        upload.in += delta.to_client;
        if (key.proto == FG_PROTO_TCP && key.server_port == smtp_port) {
            upload.out_mail += delta.to_server.bytes;
            upload.in_mail += delta.to_client.bytes;
        }
        if (is_tool_port(key.server_port)) {
            upload.out_tool += delta.to_server.bytes;
            upload.in_tool += delta.to_client.bytes;
        }
        if (const Evidence flow = Evidence::of(*delta.flow); flow.volume.bytes >= upload.largest.volume.bytes)
            upload.largest = flow;
        constexpr double worth_asking = 1e6; ///< bytes in a tick
        if (static_cast<double>(delta.to_server.bytes) >= worth_asking && is_unusual(tick, key.client))
            upload.unusual += delta.to_server.bytes;
    }

    bool is_unusual(const Tick &tick, const IpAddress &host) const
    {
        const Forecast forecast = tick.baselines.forecast(
            {.host = host, .port = 0, .proto = 0, .quantity = Quantity::BitsOut}, tick.end);
        const HostCounts *counts = tick.metrics.hosts().find(host);
        if (forecast.maturity != Maturity::Ready || !counts)
            return false;
        return forecast.deviations(8 * static_cast<double>(counts->sent.bytes) / tick.seconds()) >= deviations_;
    }

    /// Mail servers talk SMTP to strangers all day: they also serve mail, or deliver to many.
    bool is_mail_server(const IpAddress &host) const
    {
        constexpr auto many = 3;
        return mail_hosts_.find(host) || std::ranges::count_if(uploads_, [&](const auto &entry) {
                                             return entry.first.host == host && entry.second.out_mail > 0;
                                         }) > many;
    }

    std::optional<Verdict> judge(const UploadKey &key, const Upload &upload) const
    {
        constexpr double sure = 0.9; ///< ratio of what only sends: acknowledgements alone come back
        const auto bytes = static_cast<double>(upload.out.bytes);
        const double ratio = producer_ratio(upload.out.bytes, upload.in.bytes);
        const bool udp = upload.largest.proto == FG_PROTO_UDP;
        if (upload.novelty == Maturity::Ready && bytes >= min_bytes_ && ratio >= (udp ? 0.95 : min_ratio_))
            return Verdict{udp ? Severity::Low : Severity::Medium, upload.out.bytes, upload.in.bytes, min_bytes_,
                           "No host of ours had exchanged anything with this peer before"};
        if (upload.nameless && bytes >= min_bytes_ && ratio >= sure)
            return Verdict{Severity::Low, upload.out.bytes, upload.in.bytes, min_bytes_,
                           "The peer was reached by its address: no name was looked up for it, while others were"};
        if (static_cast<double>(upload.out_tool) >= min_tool_bytes_ &&
            producer_ratio(upload.out_tool, upload.in_tool) >= sure)
            return Verdict{upload.internal ? Severity::Low : Severity::Medium, upload.out_tool, upload.in_tool,
                           min_tool_bytes_,
                           "The port is one that intrusion tools use by default and hardly anything else"};
        if (upload.novelty == Maturity::None && static_cast<double>(upload.unusual) >= min_unusual_bytes_ &&
            ratio >= min_ratio_)
            return Verdict{
                Severity::Low, upload.unusual, upload.in.bytes, min_unusual_bytes_,
                fmt::format("The peer is known, but the host sent {:.0f} deviations more than at this hour of "
                            "other days, or above that, all the while",
                            deviations_)};
        return judge_mail(key, upload);
    }

    std::optional<Verdict> judge_mail(const UploadKey &key, const Upload &upload) const
    {
        if (upload.internal || static_cast<double>(upload.out_mail) < min_mail_bytes_ ||
            producer_ratio(upload.out_mail, upload.in_mail) < min_ratio_ || is_mail_server(key.host))
            return {};
        return Verdict{
            Severity::Low, upload.out_mail, upload.in_mail, min_mail_bytes_,
            "It was mailed straight to a stranger's port 25, where mail servers talk to each other; programs of "
            "users hand mail in at port 465 or 587, and this host serves no mail"};
    }

    void judge(const Tick &tick, const UploadKey &key, std::vector<Finding> &findings) const
    {
        const Upload &upload = *uploads_.find(key);
        const auto verdict = judge(key, upload);
        if (!verdict)
            return;
        const auto bytes = static_cast<double>(verdict->out);
        const std::string name = tick.names.name_of(key.peer);
        const std::string peer = key.peer.to_string() + (name.empty() ? "" : " (" + name + ")");
        const std::string host = key.host.to_string();
        findings.push_back(
            {.detector = exfil_volume.id,
             .severity = verdict->severity,
             .subject = {.source = key.host,
                         .target = key.peer,
                         .proto = upload.largest.proto,
                         .port = upload.largest.target_port},
             .since = upload.first,
             .observed = bytes,
             .expected = verdict->threshold,
             .unit = "bytes",
             .metric = "bytes sent to one peer",
             .source_count = 1,
             .sources = {key.host},
             .targets = {key.peer},
             .explanation = fmt::format("{} sent {:.0f} bytes to {} in {:.0f} s and received {}: {:.1f} times the "
                                        "{:.0f} from which on this counts, "
                                        "with a producer ratio of {:.2f} (1: only sends). {}. Ask who runs the upload "
                                        "on {}, and what it holds.",
                                        host, bytes, peer, static_cast<double>(upload.last - upload.first) / 1e9,
                                        verdict->in, bytes / verdict->threshold, verdict->threshold,
                                        producer_ratio(verdict->out, verdict->in), verdict->reason, host),
             .suggestion = fmt::format("flowguard block {} --out --for 1h --reason \"upload under inquiry\"",
                                       key.peer.to_string()),
             .evidence = {upload.largest}});
    }

    void age(TimeNs now)
    {
        constexpr TimeNs idle = 3600 * second;
        if (now - aged_ < 10 * second)
            return;
        aged_ = now;
        new_peers_.age(now);
        const bool tight = uploads_.size() > max_pairs * 3 / 4;
        uploads_.erase_if([&](const UploadKey &, const Upload &upload) {
            const TimeNs quiet = now - upload.last;
            return quiet > idle ||
                   (tight && quiet > 10 * second && static_cast<double>(upload.out.bytes) < min_bytes_ / 10);
        });
    }

    double min_bytes_;
    double min_ratio_;
    double min_mail_bytes_;
    double min_tool_bytes_;
    double min_unusual_bytes_;
    double deviations_;
    NewPeers new_peers_;
    NameUsers users_;
    BoundedMap<UploadKey, Upload, BytesHash> uploads_{max_pairs};
    BoundedMap<IpAddress, char, BytesHash> mail_hosts_{max_mail_hosts};
    std::vector<UploadKey> touched_; ///< in this tick
    TimeNs aged_ = 0;
    TimeNs since_ = 0; ///< when watching began
};

constexpr std::array<std::string_view, 3> attack{"T1048", "T1041", "T1567"};
constexpr std::array<std::string_view, 5> explained{"exfil.slow", "dos.volume_spike", "mix.protocol",
                                                    "novelty.destination", "novelty.port"};
constexpr std::array parameters{
    Parameter{"min_bytes", 100e6, 1e5, 1e15, "bytes",
              "to a peer that is new, or reached by its address: less is no incident"},
    Parameter{"min_ratio", 0.8, 0, 1, "ratio",
              "(out - in) / (out + in) of the pair: more comes back from a conversation"},
    Parameter{"min_mail_bytes", 100'000, 1000, 1e15, "bytes",
              "mailed by a host that is no mail server: less has no attachment"},
    Parameter{"min_tool_bytes", 40'000, 1000, 1e15, "bytes",
              "to a port of intrusion tools: less may be a probe or a shell"},
    Parameter{"min_unusual_bytes", 1e9, 1e5, 1e15, "bytes", "to a known peer, sent above what is usual for the host"},
    Parameter{"deviations", 6, 2, 100, "deviations", "above the forecast of the host's rate out that are unusual"},
};

} // namespace

constinit const DetectorInfo exfil_volume{
    .id = "exfil.volume",
    .title = "Large upload",
    .category = "Exfiltration",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<ExfilVolume>(given); },
};

} // namespace flowguard
