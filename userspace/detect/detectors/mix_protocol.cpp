// SPDX-License-Identifier: Apache-2.0
/*
 * A host's bytes come by another protocol than ever: both its share and its volume are far above the host's own normal.
 * A share alone moves when everything else is quiet, a volume alone is another detector's business.
 */
#include "flowguard/detect/detectors.h"

#include "flowguard/detect/habits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace flowguard {
namespace {

/// Long enough for a share to mean something, short enough to be told while it lasts.
constexpr TimeNs window_ns = 300'000'000'000;
constexpr double windows_in_hour = 12;
/// Shares of whoever browses swing between TCP and UDP by what browsers like: their scale is wide, and they are left alone.
constexpr double steady_scale = 0.05;
constexpr std::uint32_t steady_hours = 6;
constexpr std::uint16_t quic_port = 443;
constexpr std::array<std::string_view, protocol_classes> names{"TCP", "UDP", "ICMP",
                                                               "other protocols than TCP, UDP and ICMP"};

using Bytes = std::array<std::uint64_t, protocol_classes>;

struct Window {
    TimeNs begin = 0;
    Bytes bytes{};
};

class MixProtocol : public Detector {
  public:
    explicit MixProtocol(const Parameters &parameters)
        : min_bytes_(parameters["min_bytes"]),
          min_share_(parameters["min_share"]),
          min_factor_(parameters["min_factor"]),
          min_deviations_(parameters["min_deviations"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (tick.baselines.knowledge() != Maturity::Ready)
            return;
        forget(tick.begin);
        for (const auto &[host, counts] : tick.metrics.hosts()) {
            if (!tick.locality.is_ours(host) || host.is_multicast())
                continue;
            Window *window = windows_.at(host);
            if (!window)
                continue;
            if (window->begin == 0 || tick.begin < window->begin)
                *window = {.begin = tick.begin, .bytes = {}};
            std::ranges::transform(window->bytes, counts.bytes, window->bytes.begin(), std::plus<>());
            if (tick.end - window->begin < window_ns)
                continue;
            judge(tick, host, *window, findings);
            *window = {};
        }
    }

  private:
    void forget(TimeNs now)
    {
        if (now >= swept_ && now - swept_ < window_ns)
            return;
        swept_ = now;
        windows_.erase_if([now](const IpAddress &, const Window &window) {
            return window.begin == 0 || window.begin > now || now - window.begin > 2 * window_ns;
        });
    }

    void judge(const Tick &tick, const IpAddress &host, const Window &window, std::vector<Finding> &findings) const
    {
        const Habits *habits = tick.baselines.habits(host);
        if (!habits || tick.baselines.maturity(*habits) != Maturity::Ready)
            return;
        const auto total = static_cast<double>(
            std::accumulate(window.bytes.begin(), window.bytes.end(), std::uint64_t{0}));
        const double seconds = std::max(1.0, static_cast<double>(tick.end - window.begin) / 1e9);
        for (std::size_t i = 0; i < protocol_classes; i++) {
            const auto bytes = static_cast<double>(window.bytes[i]);
            const Usual &share = habits->share[i];
            const Usual &volume = habits->bytes[i];
            const double in_hour = std::log1p(bytes * 3600 / seconds);
            const bool known = share.hours > 0 && (share.hours >= steady_hours || share.hours == volume.hours);
            if (bytes < min_bytes_ || !known || share.scale > steady_scale ||
                bytes / total - share.location < min_share_ || volume.deviations(in_hour) < min_deviations_ ||
                in_hour - volume.location < std::log(min_factor_))
                continue;
            if (auto finding = describe(tick, host, i, {bytes, total, seconds}, *habits))
                findings.push_back(std::move(*finding));
        }
    }

    struct Observed {
        double bytes;
        double total;
        double seconds;
    };

    /// None if it is QUIC: what a browser speaks today instead of TCP.
    std::optional<Finding> describe(const Tick &tick, const IpAddress &host, std::size_t protocol, const Observed &seen,
                                    const Habits &habits) const
    {
        std::vector<Evidence> flows = largest(tick, host, protocol);
        const auto is_quic = [](const Evidence &each) { return each.target_port == quic_port; };
        if (static_cast<ProtocolClass>(protocol) == ProtocolClass::Udp && !flows.empty() && is_quic(flows.front()))
            return {};
        const double usual_rate = std::expm1(habits.bytes[protocol].location) / 3600;
        const double rate = seen.bytes / seen.seconds;
        Finding finding{
            .detector = mix_protocol.id,
            .severity = Severity::Low,
            .subject = {.source = host, .target = {}, .proto = number_of(protocol), .port = {}},
            .since = tick.end - static_cast<TimeNs>(seen.seconds * 1e9),
            .observed = rate,
            .expected = usual_rate,
            .unit = "bytes/s",
            .metric = fmt::format("bytes by {}", names[protocol]),
            .source_count = 1,
            .sources = {host},
            .targets = {},
            .explanation = fmt::format(
                "{:.0f} % of the bytes of {} in the last {:.0f} s were {}; usual is {:.1f} % (spread {:.1f} %). That "
                "is "
                "{:.1f} MB, {:.0f} bytes/s against {:.0f} usually, at least {:.0f} times as much. Tunnels, floods and "
                "new services change a host's mix like this.",
                100 * seen.bytes / seen.total, host.to_string(), seen.seconds, names[protocol],
                100.0 * habits.share[protocol].location, 100.0 * habits.share[protocol].scale, seen.bytes / 1e6, rate,
                usual_rate, min_factor_),
            .suggestion = fmt::format("flowguard flows --filter 'host {}'", host.to_string()),
            .evidence = {}};
        for (const Evidence &each : flows) {
            const IpAddress &peer = each.source == host ? each.target : each.source;
            if (std::ranges::find(finding.targets, peer) == finding.targets.end())
                finding.targets.push_back(peer);
        }
        finding.evidence = std::move(flows);
        return finding;
    }

    static std::optional<std::uint8_t> number_of(std::size_t protocol)
    {
        switch (static_cast<ProtocolClass>(protocol)) {
        case ProtocolClass::Tcp:
            return std::uint8_t{6};
        case ProtocolClass::Udp:
            return std::uint8_t{17};
        case ProtocolClass::Icmp:
            return std::uint8_t{1};
        default:
            return {};
        }
    }

    static std::vector<Evidence> largest(const Tick &tick, const IpAddress &host, std::size_t protocol)
    {
        constexpr std::size_t most = 5;
        std::vector<const Flow *> flows;
        for (const FlowDelta &delta : tick.flows) {
            const FlowKey &key = delta.flow->key;
            if ((key.client == host || key.server == host) &&
                static_cast<std::size_t>(protocol_class(key.proto)) == protocol)
                flows.push_back(delta.flow);
        }
        const auto size = [](const Flow *flow) { return flow->to_server.bytes + flow->to_client.bytes; };
        std::ranges::stable_sort(flows, std::greater<>(), size);
        flows.resize(std::min(flows.size(), most));
        std::vector<Evidence> evidence;
        for (const Flow *flow : flows)
            evidence.push_back(Evidence::of(*flow));
        return evidence;
    }

    double min_bytes_;
    double min_share_;
    double min_factor_;
    double min_deviations_;
    BoundedMap<IpAddress, Window, BytesHash> windows_{4'096};
    TimeNs swept_ = 0;
};

constexpr std::array<std::string_view, 1> attack{"T1095"};
constexpr std::array parameters{
    Parameter{"min_bytes", 5e6, 0, 1e15, "bytes", "in five minutes by one protocol; less is no change of anything"},
    Parameter{"min_share", 0.3, 0.01, 1, "share", "of a host's bytes, above what is usual"},
    Parameter{"min_factor", 10, 1, 1e6, "times", "as many bytes by the protocol as usual"},
    Parameter{"min_deviations", 6, 1, 100, "scales", "of the usual volume by the protocol"},
};

} // namespace

constinit const DetectorInfo mix_protocol{
    .id = "mix.protocol",
    .title = "Protocol mix changed",
    .category = "Novelty",
    .attack = attack,
    .hold = std::chrono::minutes(10),
    .explains = {},
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<MixProtocol>(given); },
};

} // namespace flowguard
