// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads that stay below every rate and add up over hours. They are counted when flows end (a long one is cut each half
 * hour), so that a memory of days costs nothing per tick.
 */
#include "exfil_upload.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs slot_length = 600 * second;
constexpr TimeNs day = 24 * 3600 * second;

/// What a host of ours sent to a peer, by slots of ten minutes.
struct Drip {
    double out = 0; ///< bytes
    double in = 0;
    TimeNs first = 0;
    TimeNs last = 0;
    std::int64_t last_slot = -1;
    std::uint32_t slots = 0; ///< with traffic
    double slot_out = 0;     ///< in the latest slot
    double most_out = 0;     ///< in one slot
    std::uint64_t flows = 0;
    Maturity novelty = Maturity::None;
    bool nameless = false;
    TimeNs halved = 0;
    Evidence largest; ///< flow

    double hours() const { return static_cast<double>(last - first) / 3600e9; }
    /// Share of the slots between the first and the last.
    double coverage() const
    {
        const TimeNs span = (last - first) / slot_length + 1; /* whole slots */
        return std::min(1.0, slots / static_cast<double>(span));
    }
    double ratio() const { return producer_ratio(static_cast<std::uint64_t>(out), static_cast<std::uint64_t>(in)); }
};

class ExfilSlow : public Detector {
  public:
    explicit ExfilSlow(const Parameters &parameters)
        : min_bytes_(parameters["min_bytes"]),
          min_hours_(parameters["min_hours"]),
          min_ratio_(parameters["min_ratio"]),
          min_coverage_(parameters["min_coverage"]),
          max_burst_(parameters["max_burst"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (since_ == 0)
            since_ = tick.begin;
        users_.note(tick);
        if (tick.baselines.knowledge() != Maturity::None)
            for (const FlowDelta &delta : tick.flows)
                if (delta.begun)
                    new_peers_.note(tick, delta);
        for (const Flow *flow : tick.ended)
            if (flow->to_server.bytes >= min_flow_bytes && flow->to_client.packets > 0)
                note(tick, *flow);
        age(tick.end);
        judge_all(tick, findings);
    }

  private:
    static constexpr std::uint64_t min_flow_bytes = 500; ///< less cannot add up
    static constexpr std::size_t max_pairs = 4096;

    void note(const Tick &tick, const Flow &flow)
    {
        const FlowKey &key = flow.key;
        if (tick.locality.direction(key) != Locality::Direction::Out || key.server.is_multicast() ||
            (key.proto != FG_PROTO_TCP && key.proto != FG_PROTO_UDP) || !is_begun_by_client(flow, since_))
            return;
        Drip *drip = drips_.at({key.client, key.server});
        if (!drip)
            return;
        if (drip->first == 0) {
            drip->first = drip->halved = flow.start;
            drip->novelty = new_peers_.novelty(key.server);
            drip->nameless = users_.went_nameless(tick, key.client, key.server);
        }
        const auto out = static_cast<double>(flow.to_server.bytes);
        const std::int64_t begin = flow.start / slot_length;
        const std::int64_t end = flow.last / slot_length;
        const auto fresh = static_cast<std::uint32_t>(
            std::max<std::int64_t>(end - std::max(begin - 1, drip->last_slot), 0));
        drip->slot_out = fresh > 0 ? 0 : drip->slot_out;
        drip->slot_out += out / static_cast<double>(std::max<std::int64_t>(end - begin + 1, 1));
        drip->most_out = std::max(drip->most_out, drip->slot_out);
        drip->slots += fresh;
        drip->last_slot = std::max(drip->last_slot, end);
        drip->out += out;
        drip->in += static_cast<double>(flow.to_client.bytes);
        drip->last = std::max(drip->last, flow.last);
        drip->flows++;
        if (const Evidence evidence = Evidence::of(flow); evidence.volume.bytes >= drip->largest.volume.bytes)
            drip->largest = evidence;
    }

    bool is_slow_upload(const Drip &drip, double ease) const
    {
        return (drip.novelty == Maturity::Ready || drip.nameless) && drip.out >= min_bytes_ / ease &&
               drip.hours() >= min_hours_ && drip.ratio() >= min_ratio_ && drip.coverage() >= min_coverage_ &&
               drip.most_out <= max_burst_ * drip.out;
    }

    static Subject subject_of(const UploadKey &key, const Drip &drip)
    {
        return {.source = key.host, .target = key.peer, .proto = drip.largest.proto, .port = drip.largest.target_port};
    }

    void judge_all(const Tick &tick, std::vector<Finding> &findings) const
    {
        constexpr TimeNs active = 3600 * second;
        std::vector<UploadKey> named;
        for (const auto &[key, drip] : drips_) {
            if (drip.out < min_bytes_ / 2 || drip.last + active < tick.end)
                continue;
            const bool open = tick.incidents.is_open(exfil_slow.id, subject_of(key, drip));
            if (is_slow_upload(drip, open ? 2 : 1))
                named.push_back(key);
        }
        std::ranges::sort(named);
        for (const UploadKey &key : named)
            findings.push_back(finding_of(tick, key, *drips_.find(key)));
    }

    Finding finding_of(const Tick &tick, const UploadKey &key, const Drip &drip) const
    {
        const std::string name = tick.names.name_of(key.peer);
        const std::string peer = key.peer.to_string() + (name.empty() ? "" : " (" + name + ")");
        const std::string host = key.host.to_string();
        return {
            .detector = exfil_slow.id,
            .severity = drip.novelty == Maturity::Ready ? Severity::Medium : Severity::Low,
            .subject = subject_of(key, drip),
            .since = drip.first,
            .observed = drip.out,
            .expected = min_bytes_,
            .unit = "bytes",
            .metric = "bytes sent to one peer, little by little",
            .source_count = 1,
            .sources = {key.host},
            .targets = {key.peer},
            .explanation = fmt::format(
                "{} sent {:.0f} bytes to {} over {:.1f} h in {} flows, {:.1f} times the {:.0f} from which on this "
                "counts. It "
                "was at it in {:.0f} % of the ten-minute slots, never more than {:.0f} % of it in one, with a producer "
                "ratio of {:.2f} (1: only sends). {}. Ask which program on {} sends that, and what.",
                host, drip.out, peer, drip.hours(), drip.flows, drip.out / min_bytes_, min_bytes_,
                100 * drip.coverage(), 100 * drip.most_out / drip.out, drip.ratio(),
                drip.novelty == Maturity::Ready ? "No host of ours had exchanged anything with this peer before"
                                                : "No name was looked up for this peer, while others were",
                host),
            .suggestion = fmt::format("flowguard block {} --out --for 1h --reason \"upload under inquiry\"",
                                      key.peer.to_string()),
            .evidence = {drip.largest}};
    }

    /// What is a day old counts half. When there is no room, those who sent least go.
    void age(TimeNs now)
    {
        constexpr TimeNs forgiven = 7 * day; ///< after which a peer is no longer new
        if (now - aged_ < 60 * second && !drips_.full())
            return;
        aged_ = now;
        new_peers_.age(now);
        drips_.erase_if([&](const UploadKey &, const Drip &drip) {
            return now - drip.last > day || (now - drip.first > forgiven && drip.out < min_bytes_);
        });
        for (auto it = drips_.begin(); it != drips_.end(); ++it) {
            Drip &drip = it.value();
            if (now - drip.first > forgiven)
                drip.novelty = Maturity::None;
            if (now - drip.halved < day)
                continue;
            drip.halved = now;
            drip.out /= 2;
            drip.in /= 2;
            drip.most_out /= 2;
        }
        if (drips_.size() > max_pairs * 3 / 4)
            keep_heavy();
    }

    void keep_heavy()
    {
        std::vector<double> sent;
        for (const auto &[key, drip] : drips_)
            sent.push_back(drip.out);
        const auto middle = sent.begin() + static_cast<std::ptrdiff_t>(sent.size() / 2);
        std::ranges::nth_element(sent, middle);
        drips_.erase_if([least = *middle](const UploadKey &, const Drip &drip) { return drip.out <= least; });
    }

    double min_bytes_;
    double min_hours_;
    double min_ratio_;
    double min_coverage_;
    double max_burst_;
    NewPeers new_peers_;
    NameUsers users_;
    BoundedMap<UploadKey, Drip, BytesHash> drips_{max_pairs};
    TimeNs aged_ = 0;
    TimeNs since_ = 0; ///< when watching began
};

constexpr std::array<std::string_view, 3> attack{"T1030", "T1029", "T1041"};
constexpr std::array<std::string_view, 3> explained{"novelty.destination", "novelty.port", "mix.protocol"};
constexpr std::array parameters{
    Parameter{"min_bytes", 50e6, 1e5, 1e15, "bytes", "to one peer in a day or so: less is no incident"},
    Parameter{"min_hours", 4, 0.5, 168, "hours", "for which it has gone on: what is quicker is exfil.volume's"},
    Parameter{"min_ratio", 0.6, 0, 1, "ratio", "(out - in) / (out + in): less is a conversation"},
    Parameter{"min_coverage", 0.5, 0, 1, "share", "of the ten-minute slots in which something was sent"},
    Parameter{"max_burst", 0.25, 0.01, 1, "share", "of it in one slot: more is one upload and not many"},
};

} // namespace

constinit const DetectorInfo exfil_slow{
    .id = "exfil.slow",
    .title = "Slow upload",
    .category = "Exfiltration",
    .attack = attack,
    .hold = std::chrono::seconds(3600),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<ExfilSlow>(given); },
};

} // namespace flowguard
