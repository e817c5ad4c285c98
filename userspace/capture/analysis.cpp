// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/analysis.h"

#include <algorithm>

namespace flowguard {
namespace {

/// Fixed: the same capture gives the same flow ids. Who can choose colliding flows for a file slows down one analysis.
constexpr std::uint64_t seed = 0x666c6f7767756172;

constexpr std::size_t most_flows = 1 << 18;
constexpr std::size_t most_untold = most_flows / 2; ///< ended flows that wait for on_flow
constexpr std::size_t most_incidents = 10'000;

FlowTableConfig table_config(bool tell_flows)
{
    FlowTableConfig config;
    config.max_flows = most_flows;
    config.max_ended = tell_flows ? most_flows + most_untold : 0;
    return config;
}

} // namespace

Analysis::Analysis(AnalysisOptions options)
    : tunnels_(options.tunnels),
      on_flow_(std::move(options.on_flow)),
      flows_(table_config(static_cast<bool>(on_flow_)), seed),
      detection_(options.detection, std::move(options.locality))
{
}

void Analysis::add(const CapturedPacket &packet)
{
    const TimeNs time = clock_.at(packet.time);
    if (tick_begin_ == 0)
        begin(time);
    if (time >= tick_end_)
        advance(time);
    const ParsedFrame parsed = parse_frame(packet.link_type, packet.frame, tunnels_);
    total_ += {1, packet.length};
    cut_packets_ += packet.cut();
    timeline_.add_packet(time, packet.length);
    table_.add(parsed.packet, packet.length, time);
    sample_dns(packet, parsed);
    if (table_.full())
        end_tick(std::clamp(time, tick_begin_ + 1, tick_end_));
}

void Analysis::begin(TimeNs time)
{
    first_ = tick_begin_ = time;
    tick_end_ = time + tick_length;
}

/// A gap is some empty ticks, so that what is idle times out, and then one long one. Files whose times leap about make
/// fewer of them in the end: all the gaps of a capture of months have room.
void Analysis::advance(TimeNs time)
{
    constexpr int most_in_gap = 400;
    constexpr std::uint64_t most_at_all = 10'000'000;
    for (int i = 0; i < most_in_gap && time >= tick_end_ && (i == 0 || empty_ticks_ < most_at_all); i++) {
        end_tick(tick_end_);
        empty_ticks_ += i > 0;
    }
    if (time >= tick_end_)
        end_tick(time - (time - tick_end_) % tick_length);
}

void Analysis::end_tick(TimeNs end)
{
    flows_.begin_tick(static_cast<double>(end - tick_begin_) / 1e9);
    table_.drain([this](const fg_flow_record &record, TimeNs first, TimeNs last) {
        statistics_.add(record, first, last);
        flows_.add(record, FG_RX, first, last);
        if (on_flow_ && flows_.counters().ended - told_ >= most_untold)
            tell_ended();
    });
    flows_.end_tick(end);
    for (const FlowDelta &delta : flows_.changes()) {
        statistics_.add(delta);
        if (delta.begun)
            timeline_.add_flow(delta.flow->start);
    }
    detection_.tick({.begin = tick_begin_, .end = end, .flows = flows_, .overflow = {}, .dns = dns_});
    collect();
    tell_ended();
    dns_.clear();
    tick_begin_ = end;
    if (tick_end_ <= end)
        tick_end_ = end + tick_length;
}

void Analysis::sample_dns(const CapturedPacket &packet, const ParsedFrame &parsed)
{
    constexpr std::uint16_t port = 53;
    constexpr std::size_t most_samples = 10'000; ///< in a tick
    constexpr std::size_t most_bytes = 4096;
    const fg_flow_key &key = parsed.packet.key;
    if (key.proto != FG_PROTO_UDP || (key.sport != port && key.dport != port) || key.kind > FG_KIND_IPV6 ||
        (key.flags & FG_KEY_NO_PORTS) || dns_.size() >= most_samples || packet.frame.size() <= parsed.payload)
        return;
    const auto payload = packet.frame.subspan(parsed.payload);
    const auto kept = payload.first(std::min(payload.size(), most_bytes));
    dns_.push_back({.time = clock_.now(),
                    .source = IpAddress(key.src),
                    .target = IpAddress(key.dst),
                    .source_port = key.sport,
                    .target_port = key.dport,
                    .payload = {kept.begin(), kept.end()},
                    .length = packet.length - static_cast<std::uint32_t>(parsed.payload)});
}

void Analysis::collect()
{
    for (Incident &incident : detection_.incidents().take_changes()) {
        if (incident.open || !incident.merged_into.empty())
            continue;
        if (closed_.size() < most_incidents)
            closed_.push_back(std::move(incident));
        else
            incidents_left_out_++;
    }
}

/// The flow table keeps those that ended last; more than it keeps never wait.
void Analysis::tell_ended()
{
    if (!on_flow_)
        return;
    const auto &ended = flows_.ended();
    const std::uint64_t fresh = flows_.counters().ended - told_;
    for (std::size_t i = ended.size() - static_cast<std::size_t>(fresh); i < ended.size(); i++)
        on_flow_(ended[i]);
    told_ += fresh;
}

void Analysis::tell_active()
{
    if (!on_flow_)
        return;
    auto active = flows_.active();
    std::ranges::sort(active,
                      [](const Flow &a, const Flow &b) { return std::tie(a.start, a.id) < std::tie(b.start, b.id); });
    for (const Flow &flow : active)
        on_flow_(flow);
}

void Analysis::finish()
{
    if (tick_begin_ != 0)
        end_tick(tick_end_);
    tell_active();
    detection_.finish();
    collect();
    std::ranges::stable_sort(closed_, [](const Incident &a, const Incident &b) {
        return std::tie(a.start, a.id) < std::tie(b.start, b.id);
    });
}

std::map<std::string, std::uint64_t> Analysis::losses() const
{
    auto losses = statistics_.losses();
    losses["flows_evicted"] = flows_.counters().evicted;
    losses["incidents_left_out"] = incidents_left_out_;
    std::erase_if(losses, [](const auto &each) { return each.second == 0; });
    return losses;
}

} // namespace flowguard
