// SPDX-License-Identifier: Apache-2.0
/*
 * Vertical scans: a source tries one port of a target after another, and most of them are closed or silent. Also grids:
 * the same few ports of one host after another, answered or not.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/first_contacts.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/protocols.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

namespace flowguard {
namespace {

constexpr std::size_t grid_ports = 3; ///< of one host; two are common: 80 and 443

/// Hosts of which one source tried several ports.
struct Grid {
    struct Host {
        IpAddress address;
        std::uint32_t second = 0;
        std::array<std::uint16_t, grid_ports> ports{};
    };
    std::vector<Host> hosts; ///< oldest first
};

struct Scan {
    FanKey key;
    Pattern pattern;
    const Fan *fan = nullptr;
};

std::string_view name_of(const Pattern &pattern)
{
    constexpr std::array<std::string_view, techniques> names{"SYN", "NULL, FIN or XMAS", "ACK", "UDP", "echo"};
    const auto *most = std::ranges::max_element(pattern.by_technique);
    return names.at(static_cast<std::size_t>(most - pattern.by_technique.begin()));
}

class ScanPort : public Detector {
  public:
    explicit ScanPort(const Parameters &given)
        : ports_(static_cast<std::uint32_t>(given["ports"])),
          high_ports_(static_cast<std::uint32_t>(given["high_ports"])),
          walk_(static_cast<std::uint32_t>(given["walk"])),
          share_(given["share"]),
          memory_(static_cast<std::uint32_t>(given["memory"])),
          grid_hosts_(static_cast<std::size_t>(given["grid_hosts"]))
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        now_ = static_cast<std::uint32_t>(tick.end / 1'000'000'000);
        for (const FlowDelta &delta : tick.flows)
            if (const auto attempt = attempt_of(delta); attempt && attempt->technique != Technique::Echo)
                note(tick, delta, *attempt);
        report(tick, findings);
        report_grids(tick, findings);
        contacts_.sweep(now_);
    }

  private:
    void note(const Tick &tick, const FlowDelta &delta, const Attempt &attempt)
    {
        const FlowKey &key = delta.flow->key;
        const FanKey fan_key{.source = key.client, .target = key.server, .port = 0, .proto = key.proto};
        Fan *fan = contacts_.note(fan_key, key.server_port, attempt, now_);
        if (!fan)
            return;
        constexpr std::uint32_t beginning = 8; ///< of evidence
        if (attempt.outcome != Outcome::Answered && fan->unanswered() >= beginning)
            fan->add_sample(Evidence::of(*delta.flow));
        if (!fan->watched && fan->unanswered() >= ports_) {
            fan->watched = true;
            watched_.push_back(fan_key);
        }
        if (attempt.fresh && fan->contacts().size() == grid_ports && key.proto == FG_PROTO_TCP &&
            tick.locality.direction(key) != Locality::Direction::Internal)
            note_grid(fan_key, *fan);
    }

    /// Within a minute: a user's programs find other ports of a host as time passes.
    void note_grid(const FanKey &key, const Fan &fan)
    {
        constexpr std::uint32_t minute = 60;
        constexpr std::size_t most = 64;
        if (now_ - fan.contacts().front().second > minute)
            return;
        Grid *grid = grids_.at(key.source);
        if (!grid)
            return;
        std::erase_if(grid->hosts, [&](const Grid::Host &each) { return now_ - each.second > minute; });
        if (grid->hosts.size() >= most)
            grid->hosts.erase(grid->hosts.begin());
        Grid::Host host{.address = key.target, .second = now_, .ports = {}};
        for (std::size_t i = 0; i < grid_ports; i++)
            host.ports.at(i) = static_cast<std::uint16_t>(fan.contacts()[i].mark);
        grid->hosts.push_back(host);
    }

    void report(const Tick &tick, std::vector<Finding> &findings)
    {
        std::map<IpAddress, std::vector<Scan>> scans; ///< by source
        std::erase_if(watched_, [&](const FanKey &key) { return !watch(key, scans); });
        constexpr std::size_t several = 3; ///< targets: one cause, and one incident
        for (auto &[source, list] : scans) {
            std::ranges::sort(list, {}, &Scan::key);
            if (list.size() >= several)
                findings.push_back(make_wide(tick, list));
            else
                for (const Scan &scan : list)
                    findings.push_back(make(tick, scan));
        }
    }

    /// False if nothing has happened for so long that it need not be looked at before it grows again.
    bool watch(const FanKey &key, std::map<IpAddress, std::vector<Scan>> &scans)
    {
        Fan *fan = contacts_.find(key);
        if (!fan)
            return false;
        const Pattern pattern = fan->worst(now_, memory_);
        const bool scan = is_scan(key, pattern);
        const std::uint32_t idle = now_ - std::min(now_, fan->last_failure());
        const std::uint32_t patience = scan ? patience_for(pattern) : 2 * Fan::patience;
        if (scan && idle <= patience)
            scans[key.source].push_back({key, pattern, fan});
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
        constexpr std::uint32_t some_low = 5;
        constexpr std::uint32_t minute = 60;
        if (pattern.failed < ports_ || pattern.walk() < walk_ || pattern.share() < share_)
            return false;
        if (pattern.low >= some_low)
            return true;
        /* High ports alone: data connections that fail and late answers look like it, at their leisure. */
        const bool handshakes = key.proto == FG_PROTO_TCP;
        return pattern.failed >= high_ports_ && (handshakes || pattern.span() <= minute);
    }

    Finding base(const Tick &tick, const Scan &scan, const Subject &subject) const
    {
        const bool ours = tick.locality.is_ours(scan.key.source);
        const auto failed = static_cast<double>(std::max<std::uint64_t>(scan.pattern.failed, scan.fan->distinct()));
        return {.detector = scan_port.id,
                .severity = ours ? Severity::Medium : Severity::Low,
                .subject = subject,
                .since = std::max<TimeNs>(TimeNs{scan.pattern.first} * 1'000'000'000, 1),
                .observed = failed,
                .expected = static_cast<double>(ports_),
                .unit = "ports",
                .metric = "ports that did not answer a first contact",
                .source_count = 1,
                .sources = {scan.key.source},
                .targets = {},
                .explanation = {},
                .suggestion = suggestion(scan.key.source, ours),
                .evidence = scan.fan->samples()};
    }

    static std::string suggestion(const IpAddress &source, bool ours)
    {
        if (ours)
            return fmt::format("flowguard flows --ended --filter 'src host {}'", source.to_string());
        return fmt::format("flowguard block {} --for 1h --reason 'port scan'", source.to_string());
    }

    Finding make(const Tick &tick, const Scan &scan) const
    {
        const Pattern &p = scan.pattern;
        const auto proto = static_cast<std::uint8_t>(scan.key.proto);
        Finding finding = base(tick, scan,
                               {.source = scan.key.source, .target = scan.key.target, .proto = proto, .port = {}});
        finding.targets = {scan.key.target};
        finding.explanation = fmt::format(
            "{} tried about {:.0f} ports of {} by {} ({}). Of the latest {} first contacts, within {} s, {} failed ({} "
            "refused, {} silent) and {} were answered: {:.0f} % failures. Programs know which port they want; {} "
            "failures, "
            "and {} more than answers, are taken for a search for open ones.",
            scan.key.source.to_string(), finding.observed, scan.key.target.to_string(), name_of(p),
            protocol_name(proto), p.failed + p.answered, p.span(), p.failed, p.refused, p.failed - p.refused,
            p.answered, 100 * p.share(), ports_, walk_);
        return finding;
    }

    Finding make_wide(const Tick &tick, const std::vector<Scan> &scans) const
    {
        const Scan &strongest = *std::ranges::max_element(scans, {},
                                                          [](const Scan &each) { return each.pattern.failed; });
        Finding finding = base(tick, strongest,
                               {.source = strongest.key.source, .target = {}, .proto = {}, .port = {}});
        for (const Scan &each : scans) {
            finding.since = std::min(finding.since, std::max<TimeNs>(TimeNs{each.pattern.first} * 1'000'000'000, 1));
            if (finding.targets.size() < Finding::max_listed)
                finding.targets.push_back(each.key.target);
        }
        finding.explanation = fmt::format(
            "{} searches {} hosts for open ports. Most at {}: about {:.0f} ports tried by {}, and of the "
            "latest {} first contacts {} failed ({} refused). {} failures at one host are taken for a search.",
            strongest.key.source.to_string(), scans.size(), strongest.key.target.to_string(), finding.observed,
            name_of(strongest.pattern), strongest.pattern.failed + strongest.pattern.answered, strongest.pattern.failed,
            strongest.pattern.refused, ports_);
        return finding;
    }

    void report_grids(const Tick &tick, std::vector<Finding> &findings)
    {
        constexpr std::uint32_t minute = 60;
        std::vector<IpAddress> idle;
        std::vector<std::pair<IpAddress, const Grid *>> found;
        for (const auto &[source, grid] : grids_) {
            if (now_ - grid.hosts.back().second > minute)
                idle.push_back(source);
            else if (grid.hosts.size() >= grid_hosts_ && ports_of(grid).size() * 2 <= grid.hosts.size() * grid_ports)
                found.emplace_back(source, &grid);
        }
        std::ranges::sort(found);
        for (const auto &[source, grid] : found)
            if (now_ - grid->hosts.back().second <= Fan::patience)
                findings.push_back(make_grid(tick, source, *grid));
        for (const IpAddress &each : idle)
            grids_.erase(each);
    }

    static std::set<std::uint16_t> ports_of(const Grid &grid)
    {
        std::set<std::uint16_t> ports;
        for (const Grid::Host &host : grid.hosts)
            ports.insert(host.ports.begin(), host.ports.end());
        return ports;
    }

    Finding make_grid(const Tick &tick, const IpAddress &source, const Grid &grid) const
    {
        const bool ours = tick.locality.is_ours(source);
        const auto ports = ports_of(grid);
        Finding finding{.detector = scan_port.id,
                        .severity = ours ? Severity::Medium : Severity::Low,
                        .subject = {.source = source, .target = {}, .proto = {}, .port = {}},
                        .since = std::max<TimeNs>(TimeNs{grid.hosts.front().second} * 1'000'000'000, 1),
                        .observed = static_cast<double>(grid.hosts.size()),
                        .expected = static_cast<double>(grid_hosts_),
                        .unit = "hosts",
                        .metric = "hosts of which several of the same ports were tried",
                        .source_count = 1,
                        .sources = {source},
                        .targets = {},
                        .explanation = {},
                        .suggestion = suggestion(source, ours),
                        .evidence = {}};
        for (std::size_t i = 0; i < std::min(grid.hosts.size(), Finding::max_listed); i++)
            finding.targets.push_back(grid.hosts[i].address);
        finding.explanation = fmt::format(
            "{} tried at least {} ports each of {} hosts within {} s, and mostly the same ones ({}). A program needs "
            "one or "
            "two ports of a host; {} hosts with {} are taken for a search, whether they answer or not.",
            source.to_string(), grid_ports, grid.hosts.size(), grid.hosts.back().second - grid.hosts.front().second,
            fmt::join(ports | std::views::take(8), ", "), grid_hosts_, grid_ports);
        return finding;
    }

    static constexpr std::size_t max_grids = 4096;

    std::uint32_t ports_;
    std::uint32_t high_ports_;
    std::uint32_t walk_;
    double share_;
    std::uint32_t memory_;
    std::size_t grid_hosts_;
    std::uint32_t now_ = 0;
    FirstContacts contacts_;
    std::vector<FanKey> watched_;
    BoundedMap<IpAddress, Grid, BytesHash> grids_{max_grids};
};

constexpr std::array<std::string_view, 2> attack{"T1046", "T1595.001"};
constexpr std::array<std::string_view, 1> explained{"scan.port"};
constexpr std::array parameters{
    Parameter{"ports", 15, 2, 60'000, "ports", "of one target that failed, of which some are below 1024"},
    Parameter{"high_ports", 60, 2, 60'000, "ports", "of one target that failed, if fewer are below 1024"},
    Parameter{"walk", 10, 1, 100, "contacts", "failures beyond successes; each makes a scan four times as likely"},
    Parameter{"share", 0.75, 0.5, 1, "share", "of first contacts that failed"},
    Parameter{"memory", 86'400, 60, 604'800, "s", "how long a first contact counts"},
    Parameter{"grid_hosts", 10, 3, 64, "hosts", "of which three or more of the same ports were tried in a minute"},
};

} // namespace

constinit const DetectorInfo scan_port{
    .id = "scan.port",
    .title = "Port scan",
    .category = "Reconnaissance",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<ScanPort>(given); },
};

} // namespace flowguard
