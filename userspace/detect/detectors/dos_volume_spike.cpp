// SPDX-License-Identifier: Apache-2.0
/*
 * More than the baseline of a host of ours, or of all traffic, has ever been told of. What it is, others say.
 */
#include "flowguard/detect/detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace flowguard {
namespace {

/// How much comes to a host in a tick, per second.
struct Load {
    double bits = 0;
    double packets = 0;

    static Load of(const Volume &volume, double seconds)
    {
        return {.bits = static_cast<double>(volume.bytes) * 8 / seconds,
                .packets = static_cast<double>(volume.packets) / seconds};
    }
};

/// By how much one quantity is above what is expected.
struct Excess {
    Quantity quantity{};
    double value = 0;
    double expected = 0;
    double deviations = 0;

    double factor() const { return value / std::max(expected, 1.0); }
};

class VolumeSpike : public Detector {
  public:
    explicit VolumeSpike(const Parameters &parameters)
        : deviations_(parameters["deviations"]),
          times_(parameters["times"]),
          min_bits_(parameters["min_bits"]),
          min_packets_(parameters["min_packets"]),
          ticks_(parameters["ticks"]),
          huge_(parameters["huge"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        std::erase_if(lasting_, [&](const auto &each) { return each.second.seen < tick.begin; });
        const std::size_t before = findings.size();
        std::vector<std::pair<IpAddress, Load>> busy;
        Volume all; /* received by our hosts, as the baseline of all traffic is learnt */
        for (const auto &[host, counts] : tick.metrics.hosts()) {
            if (!tick.locality.is_ours(host))
                continue;
            all += counts.received;
            const Load load = Load::of(counts.received, tick.seconds());
            if (load.bits >= min_bits_ || load.packets >= min_packets_)
                busy.emplace_back(host, load);
        }
        std::ranges::sort(busy, {}, [](const auto &each) { return each.first; });
        for (const auto &[host, load] : busy)
            judge(tick, host, load, findings);
        if (findings.size() == before)
            judge(tick, {}, Load::of(all, tick.seconds()), findings);
    }

  private:
    struct Lasting {
        unsigned ticks = 0;
        TimeNs since = 0;
        TimeNs seen = 0;
    };

    Excess excess(const Tick &tick, const IpAddress &host, Quantity quantity, double value, double least) const;
    void judge(const Tick &tick, const IpAddress &host, const Load &load, std::vector<Finding> &findings);

    static constexpr std::size_t most = 1024;
    double deviations_;
    double times_;
    double min_bits_;
    double min_packets_;
    double ticks_;
    double huge_;
    std::map<IpAddress, Lasting> lasting_; ///< unspecified: all traffic
};

/// No factor if it is not above.
Excess VolumeSpike::excess(const Tick &tick, const IpAddress &host, Quantity quantity, double value, double least) const
{
    const Forecast usual = tick.baselines.forecast({.host = host, .quantity = quantity}, tick.end);
    const double expected = std::max(usual.expected(), 0.0);
    const bool above = usual.maturity == Maturity::Ready && value >= least && usual.deviations(value) >= deviations_ &&
                       value >= times_ * expected;
    return above ? Excess{quantity, value, expected, usual.deviations(value)} : Excess{};
}

void VolumeSpike::judge(const Tick &tick, const IpAddress &host, const Load &load, std::vector<Finding> &findings)
{
    const Excess bits = excess(tick, host, Quantity::BitsIn, load.bits, min_bits_);
    const Excess packets = excess(tick, host, Quantity::PacketsIn, load.packets, min_packets_);
    const Excess &worst = bits.factor() >= packets.factor() ? bits : packets;
    if (worst.value == 0 || (lasting_.size() >= most && !lasting_.contains(host)))
        return;
    Lasting &lasting = lasting_[host];
    if (lasting.ticks++ == 0)
        lasting.since = tick.begin;
    lasting.seen = tick.end;
    if (lasting.ticks < ticks_)
        return;
    const bool everything = host.is_unspecified();
    const bool in_bits = worst.quantity == Quantity::BitsIn;
    const std::string unit = in_bits ? "bit/s" : "packets/s";
    Finding finding{.detector = dos_volume_spike.id,
                    .severity = worst.factor() >= huge_ ? Severity::Medium : Severity::Low,
                    .subject = {},
                    .since = lasting.since,
                    .observed = worst.value,
                    .expected = worst.expected,
                    .unit = unit,
                    .metric = in_bits ? "bits received" : "packets received",
                    .sources = {},
                    .targets = {},
                    .explanation = {},
                    .suggestion = everything ? "flowguard top"
                                             : fmt::format("flowguard flows --host {}", host.to_string()),
                    .evidence = {}};
    if (!everything) {
        finding.subject.target = host;
        finding.targets = {host};
    }
    finding.explanation = fmt::format(
        "{} {:.0f} {} for {} s, where {:.0f} {} are expected at this hour: {:.0f} times as much and {:.1f} robust "
        "standard deviations above. At least {:.1f} times and {:.1f} deviations for {:.0f} s are named.",
        everything ? "Our hosts together receive" : host.to_string() + " receives", worst.value, unit, lasting.ticks,
        worst.expected, unit, worst.factor(), worst.deviations, times_, deviations_, ticks_);
    findings.push_back(std::move(finding));
}

constexpr std::array<std::string_view, 1> attack{"T1498"};
constexpr std::array<std::string_view, 2> explained{"novelty.", "mix.protocol"};
constexpr std::array parameters{
    Parameter{"deviations", 6, 1, 100, "", "robust standard deviations above the forecast"},
    Parameter{"times", 5, 1, 1e6, "", "what is expected"},
    Parameter{"min_bits", 50e6, 1, 1e13, "bit/s", "fewer are never a spike"},
    Parameter{"min_packets", 10'000, 1, 1e10, "packets/s", "fewer are never a spike"},
    Parameter{"ticks", 10, 1, 3600, "s", "for which it lasts before it is named"},
    Parameter{"huge", 50, 1, 1e9, "", "times what is expected: to be looked at today"},
};

} // namespace

constinit const DetectorInfo dos_volume_spike{
    .id = "dos.volume_spike",
    .title = "Traffic far above normal",
    .category = "Denial of service",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<VolumeSpike>(given); },
};

} // namespace flowguard
