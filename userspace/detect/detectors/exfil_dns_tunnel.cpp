// SPDX-License-Identifier: Apache-2.0
/*
 * Data in DNS. Whoever tunnels must put it into names that nobody asked for before, and get it back in answers that hold
 * text: many new names in one domain, each with much that is new in it. What goes over port 53 without being DNS at all
 * shows by packets that no question needs.
 */
#include "exfil_dns_lookups.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr std::uint16_t dns_port = 53;

/// Why look-ups are taken for a tunnel.
struct Verdict {
    double observed = 0;
    double threshold = 0;
    std::string reason;
};

class DnsTunnel : public Detector {
  public:
    explicit DnsTunnel(const Parameters &parameters)
        : min_obsolete_(parameters["min_obsolete_names"]),
          min_data_names_(parameters["min_data_names"]),
          min_data_mean_(parameters["min_data_mean"]),
          min_long_names_(parameters["min_long_names"]),
          min_names_(parameters["min_names"]),
          min_mean_(parameters["min_mean"]),
          min_raw_bytes_(parameters["min_raw_bytes"]),
          table_(parameters["long_name"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        for (const DnsMessage &message : tick.dns)
            table_.note(message);
        table_.age(tick.end);
        const std::size_t before = findings.size();
        judge_lookups(tick, findings);
        judge_flows(tick, findings);
        if (findings.size() > before)
            add_evidence(tick, std::span(findings).subspan(before));
    }

  private:
    struct Suspect {
        const DnsLookupTable::Key *key;
        const DnsLookups *lookups;
        Verdict verdict;
    };

    static Subject subject_of(const IpAddress &client, const IpAddress &server)
    {
        return {.source = client, .target = server, .proto = FG_PROTO_UDP, .port = dns_port};
    }

    /// `ease` divides the thresholds of what is open already.
    std::optional<Verdict> judge(const DnsLookups &lookups, double ease) const
    {
        constexpr double min_new = 0.3;  ///< share of queries: what is asked again and again is no data
        constexpr double min_data = 0.3; ///< share of names: a tunnel's way down, beside its way up
        if (lookups.names < min_new * lookups.queries)
            return {};
        if (lookups.obsolete_names >= min_obsolete_ / ease)
            return Verdict{lookups.obsolete_names, min_obsolete_,
                           fmt::format("{:.0f} of them of record types that only tunnels use (NULL, KEY, private)",
                                       lookups.obsolete_names)};
        if (lookups.long_names >= min_long_names_ / ease)
            return Verdict{lookups.long_names, min_long_names_,
                           fmt::format("{:.0f} of them nearly as long as a name can be", lookups.long_names)};
        if (lookups.is_denied() || lookups.is_list())
            return {};
        if (lookups.data_names >= min_data * lookups.names && lookups.names >= min_data_names_ / ease &&
            lookups.mean() >= min_data_mean_ / ease)
            return Verdict{
                lookups.names, min_data_names_,
                fmt::format("{:.0f} of them asking for text or names that the server makes up (TXT, CNAME, MX, SRV)",
                            lookups.data_names)};
        if (lookups.names >= min_names_ / ease && lookups.mean() >= min_mean_ / ease)
            return Verdict{lookups.names, min_names_, "far more than host names have"};
        return {};
    }

    void judge_lookups(const Tick &tick, std::vector<Finding> &findings) const
    {
        constexpr TimeNs active = 60 * second;
        std::vector<Suspect> suspects;
        for (const auto &[key, lookups] : table_.all()) {
            if (lookups.names < 4 || lookups.last + active < tick.end)
                continue;
            const bool open = tick.incidents.is_open(exfil_dns_tunnel.id, subject_of(lookups.client, lookups.server));
            if (auto verdict = judge(lookups, open ? 2 : 1))
                suspects.push_back({&key, &lookups, std::move(*verdict)});
        }
        drop_forwarded(suspects);
        std::ranges::sort(suspects, [](const Suspect &a, const Suspect &b) {
            return std::tuple(a.lookups->client, a.lookups->server, -a.lookups->bytes, a.key->domain) <
                   std::tuple(b.lookups->client, b.lookups->server, -b.lookups->bytes, b.key->domain);
        });
        const auto same = std::ranges::unique(suspects, [](const Suspect &a, const Suspect &b) {
            return a.lookups->client == b.lookups->client && a.lookups->server == b.lookups->server;
        });
        suspects.erase(same.begin(), same.end());
        for (const Suspect &suspect : suspects)
            findings.push_back(finding_of(suspect));
    }

    /// A resolver of ours asks on for its client: the client is to be named.
    static void drop_forwarded(std::vector<Suspect> &suspects)
    {
        std::vector<std::pair<IpAddress, std::uint64_t>> servers;
        for (const Suspect &suspect : suspects)
            servers.emplace_back(suspect.lookups->server, suspect.key->domain);
        std::erase_if(suspects, [&](const Suspect &suspect) {
            return std::ranges::count(servers, std::pair(suspect.key->client, suspect.key->domain)) > 0;
        });
    }

    /// Is the server asked about anything else? Then it is a resolver, and to block it would end all look-ups.
    bool is_resolver(const Suspect &suspect) const
    {
        return std::ranges::any_of(table_.all(), [&](const auto &entry) {
            return entry.second.server == suspect.lookups->server && entry.first.domain != suspect.key->domain;
        });
    }

    Finding finding_of(const Suspect &suspect) const
    {
        const DnsLookups &lookups = *suspect.lookups;
        constexpr double much = 4096; ///< bytes
        constexpr std::size_t shown = 80;
        const std::string where = lookups.domain.empty() ? "under no public domain" : "in " + lookups.domain;
        const std::string client = lookups.client.to_string();
        const std::string server = lookups.server.to_string();
        const IpAddress &culprit = is_resolver(suspect) ? lookups.client : lookups.server;
        return {
            .detector = exfil_dns_tunnel.id,
            .severity = lookups.bytes >= much ? Severity::High : Severity::Medium,
            .subject = subject_of(lookups.client, lookups.server),
            .since = lookups.first,
            .observed = suspect.verdict.observed,
            .expected = suspect.verdict.threshold,
            .unit = "names",
            .metric = "new names in one domain",
            .source_count = 1,
            .sources = {lookups.client},
            .targets = {lookups.server},
            .explanation = fmt::format(
                "{} asked {} for {:.0f} names {} that it had not asked for before, {}. They carry {:.0f} bytes, "
                "{:.0f} a name, {:.1f} times the {:.0f} names from which on this counts as a tunnel. One of them: {}. "
                "Data leaves, or commands arrive, inside DNS. Find the program on {} that asks.",
                client, server, lookups.names, where, suspect.verdict.reason, lookups.bytes, lookups.mean(),
                suspect.verdict.observed / suspect.verdict.threshold, suspect.verdict.threshold,
                lookups.example.size() > shown ? lookups.example.substr(0, shown) + "…" : lookups.example, client),
            .suggestion = fmt::format("flowguard block {} --both --for 1h --reason \"DNS tunnel\"",
                                      culprit.to_string()),
            .evidence = {}};
    }

    /// What is sent to port 53 in packets that no question fills: a question has at most 255 bytes of name.
    void judge_flows(const Tick &tick, std::vector<Finding> &findings) const
    {
        constexpr std::uint32_t largest_question = 600; ///< L2 bytes, with options and signatures
        constexpr std::uint64_t mean_question = 200;    ///< L2 bytes; 70 to 100 are usual
        for (const FlowDelta &delta : tick.flows) {
            if (delta.client_sent.max_length < largest_question)
                continue;
            const Flow &flow = *delta.flow;
            if (flow.key.proto != FG_PROTO_UDP || flow.key.server_port != dns_port ||
                static_cast<double>(flow.to_server.bytes) < min_raw_bytes_ ||
                flow.to_server.bytes < mean_question * flow.to_server.packets ||
                flow.to_client.packets * 5 < flow.to_server.packets)
                continue;
            const Subject subject = subject_of(flow.key.client, flow.key.server);
            if (std::ranges::none_of(findings, [&](const Finding &finding) {
                    return finding.detector == exfil_dns_tunnel.id && finding.subject == subject;
                }))
                findings.push_back(finding_of(flow, subject));
        }
    }

    Finding finding_of(const Flow &flow, const Subject &subject) const
    {
        const auto bytes = static_cast<double>(flow.to_server.bytes);
        const std::string client = flow.key.client.to_string();
        const std::string server = flow.key.server.to_string();
        return {
            .detector = exfil_dns_tunnel.id,
            .severity = Severity::Medium,
            .subject = subject,
            .since = flow.start,
            .observed = bytes,
            .expected = min_raw_bytes_,
            .unit = "bytes",
            .metric = "bytes to port 53 in one flow",
            .source_count = 1,
            .sources = {flow.key.client},
            .targets = {flow.key.server},
            .explanation = fmt::format(
                "{} sent {} {:.0f} bytes over UDP to port 53 in one flow, {:.1f} times the {:.0f} from which on this "
                "counts, in packets of {:.0f} bytes on average and up to {}. A DNS question has at most 255 bytes of "
                "name: this is something else on DNS's port, a tunnel or a VPN. Find the program on {} that sends it.",
                client, server, bytes, bytes / min_raw_bytes_, min_raw_bytes_,
                bytes / static_cast<double>(flow.to_server.packets), flow.client_sent.max_length, client),
            .suggestion = fmt::format("flowguard block {} --both --for 1h --reason \"tunnel over port 53\"", server),
            .evidence = {}};
    }

    static void add_evidence(const Tick &tick, std::span<Finding> findings)
    {
        constexpr std::size_t most = 5;
        for (const FlowDelta &delta : tick.flows) {
            const FlowKey &key = delta.flow->key;
            if (key.server_port != dns_port || key.proto != FG_PROTO_UDP)
                continue;
            for (Finding &finding : findings)
                if (key.client == finding.subject.source && key.server == finding.subject.target &&
                    finding.evidence.size() < most)
                    finding.evidence.push_back(Evidence::of(*delta.flow));
        }
    }

    double min_obsolete_;
    double min_data_names_;
    double min_data_mean_;
    double min_long_names_;
    double min_names_;
    double min_mean_;
    double min_raw_bytes_;
    DnsLookupTable table_;
};

constexpr std::array<std::string_view, 3> attack{"T1071.004", "T1048.003", "T1572"};
constexpr std::array<std::string_view, 6> explained{"exfil.volume", "exfil.slow",   "c2.beacon",
                                                    "mix.protocol", "novelty.port", "novelty.destination"};
constexpr std::array parameters{
    Parameter{"min_obsolete_names", 8, 1, 1e6, "names",
              "new names of types NULL, KEY and private: fewer are no tunnel"},
    Parameter{"min_data_names", 20, 1, 1e6, "names", "new names, with at least 30 % for text: fewer are no tunnel"},
    Parameter{"min_data_mean", 16, 1, 255, "bytes", "that are new in each of these names, on average"},
    Parameter{"long_name", 100, 16, 255, "bytes", "that are new in a name from which on it is long"},
    Parameter{"min_long_names", 10, 1, 1e6, "names", "long ones: fewer are no tunnel"},
    Parameter{"min_names", 150, 1, 1e6, "names", "new names of any type: fewer are no tunnel"},
    Parameter{"min_mean", 40, 1, 255, "bytes", "that are new in each of these names, on average"},
    Parameter{"min_raw_bytes", 100'000, 1000, 1e12, "bytes", "to port 53 in packets too large for questions"},
};

} // namespace

constinit const DetectorInfo exfil_dns_tunnel{
    .id = "exfil.dns_tunnel",
    .title = "DNS tunnel",
    .category = "Exfiltration",
    .attack = attack,
    .hold = std::chrono::seconds(300),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<DnsTunnel>(given); },
};

} // namespace flowguard
