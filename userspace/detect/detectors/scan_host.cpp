// SPDX-License-Identifier: Apache-2.0
/*
 * Horizontal scans: a source tries one port, or a ping, on one host after another, and most of them fail. Also many
 * strangers that do so together, each with a few tries.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/distinct.h"
#include "flowguard/detect/first_contacts.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"
#include "flowguard/core/protocols.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace flowguard {
namespace {

/// Where many first contacts fail for good reasons: lists of peers that are old by nature, and services that every client
/// tries all day, so that an outage or a firewall looks like a scan.
bool is_tolerant(const FanKey &key)
{
    constexpr std::array<std::uint16_t, 7> everyday{53, 80, 123, 137, 443, 3478, 5228};
    constexpr std::array<std::uint16_t, 16> peers{4662, 4672,  5269,  6881,  8333,  8448,  9001,  9030,
                                                  9333, 18080, 18333, 26656, 30303, 30311, 51413, 22556};
    const bool torrent = key.port > 6881 && key.port <= 6999;
    return torrent || std::ranges::find(everyday, key.port) != everyday.end() ||
           std::ranges::find(peers, key.port) != peers.end();
}

struct Sweep {
    FanKey key;
    Pattern pattern;
    const Fan *fan = nullptr;
};

/// What strangers did at one port of many hosts.
struct Crowd {
    Distinct sources;
    Distinct targets;
    std::uint64_t tries = 0;
    std::uint64_t answered = 0;
    TimeNs first = 0;
    std::vector<Evidence> samples;
};

std::string describe_service(std::uint16_t proto, std::uint16_t port)
{
    const std::string name = protocol_name(static_cast<std::uint8_t>(proto));
    return is_icmp(static_cast<std::uint8_t>(proto)) ? fmt::format("{} echo", name)
                                                     : fmt::format("{} port {}", name, port);
}

class ScanHost : public Detector {
  public:
    explicit ScanHost(const Parameters &given)
        : hosts_(static_cast<std::uint32_t>(given["hosts"])),
          slow_hosts_(static_cast<std::uint32_t>(given["slow_hosts"])),
          busy_hosts_(static_cast<std::uint32_t>(given["busy_hosts"])),
          walk_(static_cast<std::uint32_t>(given["walk"])),
          share_(given["share"]),
          memory_(static_cast<std::uint32_t>(given["memory"])),
          crowd_(static_cast<std::uint64_t>(given["crowd"]))
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        now_ = static_cast<std::uint32_t>(tick.end / 1'000'000'000);
        for (const FlowDelta &delta : tick.flows)
            if (const auto attempt = attempt_of(delta))
                note(tick, delta, *attempt);
        report(tick, findings);
        report_crowds(tick, findings);
        contacts_.sweep(now_);
    }

  private:
    using CrowdKey = std::pair<std::uint16_t, std::uint16_t>; ///< protocol and port

    void note(const Tick &tick, const FlowDelta &delta, const Attempt &attempt)
    {
        const FlowKey &key = delta.flow->key;
        const std::uint16_t port = is_icmp(key.proto) ? std::uint16_t{0} : key.server_port;
        const FanKey fan_key{.source = key.client, .target = {}, .port = port, .proto = key.proto};
        if (attempt.technique == Technique::Syn && attempt.fresh && !tick.locality.is_ours(key.client))
            note_crowd(delta, attempt);
        const auto mark = static_cast<std::uint32_t>(BytesHash{}(key.server));
        Fan *fan = contacts_.note(fan_key, mark, attempt, now_);
        if (!fan || attempt.outcome == Outcome::Answered)
            return;
        constexpr std::uint32_t beginning = 8; ///< of evidence
        if (fan->unanswered() >= beginning)
            fan->add_sample(Evidence::of(*delta.flow));
        if (!fan->watched && fan->unanswered() >= hosts_) {
            fan->watched = true;
            watched_.push_back(fan_key);
        }
    }

    void note_crowd(const FlowDelta &delta, const Attempt &attempt)
    {
        const FlowKey &key = delta.flow->key;
        const CrowdKey crowd_key{key.proto, key.server_port};
        if (crowds_.size() >= max_crowds && !crowds_.contains(crowd_key))
            return;
        constexpr std::uint64_t most_tries = 20'000; ///< tell enough, and cost little in a flood
        Crowd &crowd = crowds_[crowd_key];
        if (crowd.tries >= most_tries)
            return;
        crowd.first = crowd.first ? crowd.first : delta.flow->start;
        crowd.tries++;
        crowd.answered += attempt.outcome == Outcome::Answered;
        crowd.sources.note(key.client);
        crowd.targets.note(key.server);
        if (crowd.samples.size() < Finding::max_listed && attempt.outcome != Outcome::Answered)
            crowd.samples.push_back(Evidence::of(*delta.flow));
    }

    void report(const Tick &tick, std::vector<Finding> &findings)
    {
        std::map<std::pair<IpAddress, bool>, std::vector<Sweep>> sweeps; ///< by source, and whether it pings
        std::erase_if(watched_, [&](const FanKey &key) { return !watch(key, sweeps); });
        for (auto &[source, list] : sweeps) {
            std::ranges::sort(list, [](const Sweep &a, const Sweep &b) {
                return std::tuple(b.pattern.failed, a.key) < std::tuple(a.pattern.failed, b.key);
            });
            findings.push_back(make(tick, list));
        }
    }

    /// False if nothing has happened for so long that it need not be looked at before it grows again.
    bool watch(const FanKey &key, std::map<std::pair<IpAddress, bool>, std::vector<Sweep>> &sweeps)
    {
        Fan *fan = contacts_.find(key);
        if (!fan)
            return false;
        const Pattern pattern = fan->worst(now_, memory_);
        const bool scan = is_scan(key, pattern);
        const std::uint32_t idle = now_ - std::min(now_, fan->last_failure());
        const std::uint32_t patience = scan ? patience_for(pattern) : 2 * Fan::patience;
        if (scan && idle <= patience)
            sweeps[{key.source, is_icmp(static_cast<std::uint8_t>(key.proto))}].push_back({key, pattern, fan});
        fan->watched = idle <= patience;
        return fan->watched;
    }

    /// A slow scan goes on as long as its pauses last.
    static std::uint32_t patience_for(const Pattern &pattern)
    {
        constexpr std::uint32_t pauses = 20;
        constexpr std::uint32_t two_hours = 7200;
        return std::clamp(pauses * pattern.span() / std::max(1U, pattern.failed), 1 + Fan::patience, two_hours);
    }

    bool is_scan(const FanKey &key, const Pattern &pattern) const
    {
        constexpr std::uint32_t minute = 60;
        constexpr std::uint32_t slow = 600;
        constexpr double equal_share = 0.9;
        if (pattern.walk() < walk_ || pattern.share() < share_)
            return false;
        if (is_tolerant(key))
            return pattern.failed >= busy_hosts_ && pattern.span() <= minute && is_probe(key, pattern, equal_share);
        return pattern.failed >= (pattern.span() <= slow ? hosts_ : slow_hosts_) && is_probe(key, pattern, equal_share);
    }

    /// Without handshakes, silence says little: the answers may have been sent where nobody captures. Probes are all alike.
    static bool is_probe(const FanKey &key, const Pattern &pattern, double equal_share)
    {
        return key.proto != FG_PROTO_UDP || pattern.even >= equal_share * pattern.failed;
    }

    /// One finding a source: of the port that was open as an incident already, or else of the one with most failures.
    Finding make(const Tick &tick, const std::vector<Sweep> &sweeps) const
    {
        const auto subject_of = [](const Sweep &sweep) {
            const bool ports = !is_icmp(static_cast<std::uint8_t>(sweep.key.proto));
            return Subject{.source = sweep.key.source,
                           .target = {},
                           .proto = static_cast<std::uint8_t>(sweep.key.proto),
                           .port = ports ? std::optional(sweep.key.port) : std::nullopt};
        };
        const auto open = std::ranges::find_if(
            sweeps, [&](const Sweep &each) { return tick.incidents.is_open(scan_host.id, subject_of(each)); });
        const Sweep &sweep = open != sweeps.end() ? *open : sweeps.front();
        const bool ours = tick.locality.is_ours(sweep.key.source);
        const Pattern &p = sweep.pattern;
        Finding finding{.detector = scan_host.id,
                        .severity = ours ? Severity::Medium : Severity::Low,
                        .subject = subject_of(sweep),
                        .since = std::max<TimeNs>(TimeNs{p.first} * 1'000'000'000, 1),
                        .observed = static_cast<double>(std::max<std::uint64_t>(p.failed, sweep.fan->distinct())),
                        .expected = static_cast<double>(hosts_),
                        .unit = "hosts",
                        .metric = "hosts that did not answer a first contact",
                        .source_count = 1,
                        .sources = {sweep.key.source},
                        .targets = {},
                        .explanation = {},
                        .suggestion = suggestion(sweep.key.source, ours),
                        .evidence = sweep.fan->samples()};
        for (const Evidence &each : finding.evidence)
            finding.targets.push_back(each.target);
        finding.explanation = explain(sweep, sweeps, finding.observed);
        return finding;
    }

    std::string explain(const Sweep &sweep, const std::vector<Sweep> &sweeps, double observed) const
    {
        const Pattern &p = sweep.pattern;
        std::string text = fmt::format("{} tried {} on about {:.0f} hosts. Of the latest {} first contacts, within {} "
                                       "s, {} failed ({} refused, {} "
                                       "silent) and {} were answered: {:.0f} % failures. Programs are told whom to "
                                       "talk to; {} failures, and {} more "
                                       "than answers, are taken for a search.",
                                       sweep.key.source.to_string(), describe_service(sweep.key.proto, sweep.key.port),
                                       observed, p.failed + p.answered, p.span(), p.failed, p.refused,
                                       p.failed - p.refused, p.answered, 100 * p.share(), hosts_, walk_);
        if (sweeps.size() > 1)
            text += " It searches in the same way for";
        std::size_t listed = 0;
        for (const Sweep &each : sweeps)
            if (&each != &sweep && listed < 5)
                text += fmt::format("{} {}", listed++ ? "," : "", describe_service(each.key.proto, each.key.port));
        if (sweeps.size() > 1)
            text += listed + 1 < sweeps.size() ? " and more." : ".";
        return text;
    }

    static std::string suggestion(const IpAddress &source, bool ours)
    {
        if (ours)
            return fmt::format("flowguard flows --ended --filter 'src host {}'", source.to_string());
        return fmt::format("flowguard block {} --for 1h --reason 'host scan'", source.to_string());
    }

    void report_crowds(const Tick &tick, std::vector<Finding> &findings)
    {
        for (const auto &[key, crowd] : crowds_)
            if (is_crowd(key, crowd))
                findings.push_back(make(key, crowd));
        constexpr std::int64_t window = 10'000'000'000;
        if (tick.end - crowds_since_ >= window || tick.end < crowds_since_) {
            crowds_.clear();
            crowds_since_ = tick.end;
        }
    }

    bool is_crowd(const CrowdKey &key, const Crowd &crowd) const
    {
        constexpr std::uint64_t busier = 10;
        constexpr std::uint64_t flood = 10; ///< tries a host within the window: more are no search
        const FanKey port{.source = {}, .target = {}, .port = key.second, .proto = key.first};
        const std::uint64_t least = is_tolerant(port) ? busier * crowd_ : crowd_;
        return crowd.tries >= least && crowd.answered * 10 <= crowd.tries && crowd.sources.count() >= least &&
               crowd.targets.count() >= least && crowd.tries <= flood * crowd.targets.count();
    }

    Finding make(const CrowdKey &key, const Crowd &crowd) const
    {
        const auto [proto, port] = key;
        Finding finding{
            .detector = scan_host.id,
            .severity = Severity::Low,
            .subject = {.source = {}, .target = {}, .proto = static_cast<std::uint8_t>(proto), .port = port},
            .since = crowd.first,
            .observed = static_cast<double>(crowd.sources.count()),
            .expected = static_cast<double>(crowd_),
            .unit = "sources",
            .metric = "strangers that tried one port of many hosts",
            .source_count = crowd.sources.count(),
            .sources = crowd.sources.first(),
            .targets = crowd.targets.first(),
            .explanation = {},
            .suggestion = fmt::format("flowguard limit --service {}/{} --new-connections --rate 10/s --per source",
                                      proto == FG_PROTO_TCP ? "tcp" : "udp", port),
            .evidence = crowd.samples};
        finding.sources.resize(std::min(finding.sources.size(), Finding::max_listed));
        finding.targets.resize(std::min(finding.targets.size(), Finding::max_listed));
        finding.explanation = fmt::format(
            "About {} strangers tried {} of about {} hosts within 10 s, {} times in all, and {} were answered. Clients "
            "of a "
            "service know its host; {} sources and hosts with less than a tenth answered are taken for a search that "
            "many take part in.",
            finding.source_count, describe_service(proto, port), crowd.targets.count(), crowd.tries, crowd.answered,
            crowd_);
        return finding;
    }

    static constexpr std::size_t max_crowds = 256;

    std::uint32_t hosts_;
    std::uint32_t slow_hosts_;
    std::uint32_t busy_hosts_;
    std::uint32_t walk_;
    double share_;
    std::uint32_t memory_;
    std::uint64_t crowd_;
    std::uint32_t now_ = 0;
    FirstContacts contacts_;
    std::vector<FanKey> watched_;
    std::map<CrowdKey, Crowd> crowds_;
    TimeNs crowds_since_ = 0;
};

constexpr std::array<std::string_view, 2> attack{"T1595.001", "T1046"};
constexpr std::array<std::string_view, 1> explained{"scan.port"};
constexpr std::array parameters{
    Parameter{"hosts", 20, 2, 60'000, "hosts", "that failed within ten minutes"},
    Parameter{"slow_hosts", 40, 2, 60'000, "hosts", "that failed within the memory"},
    Parameter{"busy_hosts", 100, 2, 60'000, "hosts", "that failed within a minute, at ports where failures are common"},
    Parameter{"walk", 10, 1, 100, "contacts", "failures beyond successes; each makes a scan four times as likely"},
    Parameter{"share", 0.75, 0.5, 1, "share", "of first contacts that failed"},
    Parameter{"memory", 86'400, 60, 604'800, "s", "how long a first contact counts"},
    Parameter{"crowd", 50, 10, 60'000, "sources", "that try one port of as many hosts within ten seconds"},
};

} // namespace

constinit const DetectorInfo scan_host{
    .id = "scan.host",
    .title = "Host scan",
    .category = "Reconnaissance",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<ScanHost>(given); },
};

} // namespace flowguard
