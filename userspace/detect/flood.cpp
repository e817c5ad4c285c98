// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/flood.h"

#include "flowguard/core/biflow.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

constexpr std::size_t max_ports = 256;
constexpr std::size_t max_evidence = 5;
constexpr std::chrono::nanoseconds memory = std::chrono::seconds(30); ///< of a flood that was named

void add_port(std::map<std::uint16_t, std::uint64_t> &ports, std::uint16_t port, std::uint64_t packets)
{
    if (const auto found = ports.find(port); found != ports.end())
        found->second += packets;
    else if (ports.size() < max_ports)
        ports.emplace(port, packets);
}

std::optional<std::uint16_t> dominant(const std::map<std::uint16_t, std::uint64_t> &ports, std::uint64_t all)
{
    const auto most = std::ranges::max_element(ports, {}, [](const auto &each) { return each.second; });
    if (most == ports.end() || static_cast<double>(most->second) < Culprits::dominant_share * static_cast<double>(all))
        return {};
    return most->first;
}

std::string group(std::uint64_t number)
{
    std::string digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    return digits;
}

void add(OverflowCounts &own, const OverflowAggregate &each)
{
    if (each.direction != FG_RX) {
        own.sent += each.tick_volume;
        return;
    }
    own.received += each.tick_volume;
    own.syn += each.tick_syn;
    own.sources = std::max(own.sources, each.remotes);
}

} // namespace

void Culprits::add(const FlowDelta &delta)
{
    const FlowKey &key = delta.flow->key;
    volume += delta.to_server;
    flows++;
    if (delta.client_first != 0)
        since = since == 0 ? delta.client_first : std::min(since, delta.client_first);
    min_length = min_length == 0 ? delta.client_sent.min_length : std::min(min_length, delta.client_sent.min_length);
    max_length = std::max(max_length, delta.client_sent.max_length);
    sources.note(key.client);
    if (std::uint64_t *packets = packets_of_.at(key.client))
        *packets += delta.to_server.packets;
    add_port(target_ports, key.server_port, delta.to_server.packets);
    add_port(source_ports, key.client_port, delta.to_server.packets);
    if (reflects(key.client_port))
        from_reflectors += delta.to_server.packets;

    const auto smaller = [&](const Evidence &each) { return each.volume.packets < delta.to_server.packets; };
    const auto place = std::ranges::find_if(evidence, smaller);
    if (place == evidence.end() && evidence.size() >= max_evidence)
        return;
    Evidence own = Evidence::of(*delta.flow);
    own.volume = delta.to_server;
    evidence.insert(place, own);
    if (evidence.size() > max_evidence)
        evidence.pop_back();
}

std::optional<IpAddress> Culprits::dominant_source() const
{
    for (const auto &[address, packets] : packets_of_)
        if (static_cast<double>(packets) >= dominant_share * static_cast<double>(volume.packets))
            return address;
    return {};
}

std::optional<std::uint16_t> Culprits::dominant_port() const { return dominant(target_ports, volume.packets); }

std::optional<std::uint16_t> Culprits::dominant_source_port() const { return dominant(source_ports, volume.packets); }

std::vector<IpAddress> Culprits::busiest() const
{
    std::vector<std::pair<std::uint64_t, IpAddress>> all;
    for (const auto &[address, packets] : packets_of_)
        all.emplace_back(packets, address);
    const auto count = static_cast<std::ptrdiff_t>(std::min(all.size(), Finding::max_listed));
    const auto before = [](const auto &a, const auto &b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    std::ranges::partial_sort(all, all.begin() + count, before);
    std::vector<IpAddress> list;
    for (auto it = all.begin(); it != all.begin() + count; ++it)
        list.push_back(it->second);
    return list;
}

double Culprits::mean_length() const
{
    return volume.packets ? static_cast<double>(volume.bytes) / static_cast<double>(volume.packets) : 0;
}

double Culprits::packets_per_flow() const
{
    return flows ? static_cast<double>(volume.packets) / static_cast<double>(flows) : 0;
}

void Suspects::add(const Service &target, Suspect suspect)
{
    suspects_.try_emplace(target, std::move(suspect));
    if (suspects_.size() <= most)
        return;
    suspects_.erase(std::ranges::min_element(suspects_, {}, [](const auto &each) { return each.second.rate; }));
}

void Suspects::gather(const Tick &tick, bool whole_host, const std::function<bool(const FlowDelta &)> &guilty)
{
    if (suspects_.empty())
        return;
    for (const FlowDelta &delta : tick.flows) {
        const FlowKey &key = delta.flow->key;
        const bool no_port = whole_host || is_icmp(key.proto);
        const auto found = suspects_.find({key.server, no_port ? std::uint16_t{0} : key.server_port, key.proto});
        if (found != suspects_.end() && delta.to_server.packets > 0 && guilty(delta))
            found->second.culprits.add(delta);
    }
}

void FloodWatch::begin_tick(const Tick &tick)
{
    std::erase_if(states_, [&](const auto &each) {
        const State &state = each.second;
        return state.named ? tick.end - state.seen > memory.count() : state.seen < tick.begin;
    });
}

FloodWatch::State *FloodWatch::judge(const Tick &tick, const Service &target, const Suspect &suspect,
                                     const FloodLimits &limits)
{
    auto found = states_.find(target);
    const bool known = found != states_.end();
    const double least = known && found->second.named ? limits.lasting / 2 : std::min(limits.lasting, limits.at_once);
    if (suspect.rate < least || (!known && states_.size() >= most))
        return nullptr;
    if (!known)
        found = states_.try_emplace(target).first;
    State &state = found->second;
    if (!known)
        state.since = suspect.culprits.since ? suspect.culprits.since : tick.begin;
    state.ticks++;
    state.seen = tick.end;
    state.sources.join(suspect.culprits.sources);
    state.overflow = std::max(state.overflow, suspect.more_sources);
    const bool now = suspect.rate >= limits.at_once || (state.ticks >= lasting_ticks && suspect.rate >= limits.lasting);
    if (!state.named && !now)
        return nullptr;
    const std::optional<IpAddress> source = suspect.overflow <= suspect.culprits.volume.packets / 4
                                                ? suspect.culprits.dominant_source()
                                                : std::nullopt;
    if (!state.named) {
        state.subject = {.source = source, .target = target.address, .proto = {}, .port = {}};
        state.subject.proto = static_cast<std::uint8_t>(target.proto);
        if (target.port != 0)
            state.subject.port = target.port;
    } else if (state.subject.source != source) {
        state.subject.source.reset(); /* others have joined in, so it is another incident; but only once */
    }
    state.named = true;
    return &state;
}

std::string describe_sources(const Suspect &suspect, std::uint64_t source_count)
{
    const Culprits &culprits = suspect.culprits;
    if (const auto one = culprits.dominant_source(); one && suspect.overflow == 0)
        return culprits.sources.count() == 1
                   ? fmt::format("from {} alone", one->to_string())
                   : fmt::format("from {}, and few from {} others", one->to_string(), group(source_count - 1));
    return fmt::format("from {} sources, so that blocking single addresses hardly helps", group(source_count));
}

Finding flood_finding(const FloodReport &report, const Tick &tick, const Service &target, const Suspect &suspect,
                      FloodWatch::State &state)
{
    return {.detector = report.detector.id,
            .severity = report.severity,
            .subject = state.subject,
            .since = std::min(state.since, tick.end),
            .observed = suspect.rate,
            .expected = report.limit,
            .unit = std::string(report.unit),
            .metric = std::string(report.metric),
            .source_count = std::max(state.sources.count(), state.overflow),
            .sources = suspect.culprits.busiest(),
            .targets = {target.address},
            .explanation = {},
            .suggestion = {},
            .evidence = suspect.culprits.evidence};
}

std::map<Service, OverflowCounts> overflow_of_services(const Tick &tick, std::uint8_t proto)
{
    std::map<Service, OverflowCounts> counts;
    for (const OverflowAggregate &each : tick.overflow)
        if (each.level == FG_OVERFLOW_SERVICE && each.proto == proto)
            add(counts[{each.address, each.port, each.proto}], each);
    return counts;
}

std::map<IpAddress, OverflowCounts> overflow_of_hosts(const Tick &tick, std::uint8_t proto)
{
    std::map<IpAddress, OverflowCounts> counts;
    for (const OverflowAggregate &each : tick.overflow)
        if (each.level != FG_OVERFLOW_REST && each.proto == proto)
            add(counts[each.address], each);
    return counts;
}

std::uint64_t unanswered(const OverflowCounts &counts)
{
    constexpr std::uint64_t few = 4; /* answers are fewer than one in so many */
    return counts.sent.packets * few < counts.received.packets ? counts.received.packets : 0;
}

} // namespace flowguard
