// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/flow_table.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

#include <tsl/robin_set.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

namespace flowguard {
namespace {

struct Entry {
    fg_flow_key key; ///< of both directions, see biflow_key()
    bool used = false;
    bool client_is_src = true;                            ///< of `key`
    bool syn_seen = false;                                ///< the client is known, not guessed
    std::array<std::optional<fg_direction>, 2> crosses{}; ///< by side: client, server; how its packets pass the device
    std::array<bool, 2> delivered{};                      ///< by side; something passed policy
    std::array<std::uint8_t, 2> delivered_tcp{};          ///< by side: flags of what passed policy
    std::uint64_t created_tick = 0;
    std::uint64_t changed_tick = 0;
    std::uint32_t change = 0; ///< since changed_tick: position in changes
    Flow flow;
};

using Entries = std::vector<Entry>;

/// The index holds entry numbers and finds them by key, so that it stays small and entries never move within it.
struct Hash {
    const Entries *entries;
    std::uint64_t seed;

    std::size_t operator()(const fg_flow_key &key) const { return XXH3_64bits_withSeed(&key, sizeof key, seed); }
    std::size_t operator()(std::uint32_t number) const { return (*this)((*entries)[number].key); }
};

struct Same {
    using is_transparent = void;
    const Entries *entries;

    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(const fg_flow_key &key, std::uint32_t number) const
    {
        return std::memcmp(&key, &(*entries)[number].key, sizeof key) == 0;
    }
    bool operator()(std::uint32_t number, const fg_flow_key &key) const { return (*this)(key, number); }
};

/// One record of one direction, as it is added.
struct Piece {
    const fg_flow_record &record;
    fg_direction direction;
    TimeNs first;
    TimeNs last;
    bool from_src; ///< of the entry's key
};

FlowKey flow_key(const fg_flow_key &source, std::uint16_t client_port, std::uint16_t server_port)
{
    return {.client = IpAddress(source.src),
            .server = IpAddress(source.dst),
            .client_port = client_port,
            .server_port = server_port,
            .vlan = {source.vlan[0], source.vlan[1]},
            .proto = source.proto,
            .kind = source.kind,
            .flags = source.flags,
            .slot = source.slot};
}

/// Where the client is, from its own packets, or else from the server's.
void settle_direction(Entry &entry)
{
    const auto &[client, server] = entry.crosses;
    if (client || server)
        entry.flow.client_received = client ? *client == FG_RX : *server == FG_TX;
}

/// Makes the other side the client.
void turn_around(Entry &entry)
{
    Flow &flow = entry.flow;
    entry.client_is_src = !entry.client_is_src;
    std::swap(entry.crosses[0], entry.crosses[1]);
    std::swap(entry.delivered[0], entry.delivered[1]);
    std::swap(entry.delivered_tcp[0], entry.delivered_tcp[1]);
    std::swap(flow.key.client, flow.key.server);
    if (!is_icmp(flow.key.proto))
        std::swap(flow.key.client_port, flow.key.server_port);
    std::swap(flow.to_server, flow.to_client);
    std::swap(flow.tcp_flags_to_server, flow.tcp_flags_to_client);
    std::swap(flow.bits_to_server, flow.bits_to_client);
    std::swap(flow.client_sent, flow.server_sent);
    std::swap(flow.client_longest, flow.server_longest);
    settle_direction(entry);
}

/// Two first packets in one jiffy: who looks like the client? A guess, and only for ties.
bool looks_like_client(const fg_flow_key &source, const Flow &flow)
{
    if (is_icmp(source.proto))
        return icmp_request_type(source.proto, static_cast<std::uint8_t>(source.sport)) == source.sport &&
               flow.key.client_port != source.sport;
    return source.sport > source.dport;
}

/// "Who sent the first SYN, or else the first packet": records of one tick come in no order, so it may turn out late.
void settle_client(Entry &entry, const Piece &piece, std::uint64_t tick)
{
    if (entry.syn_seen)
        return;
    const bool from_client = piece.from_src == entry.client_is_src;
    const fg_tcp_counts &tcp = piece.record.tcp;
    if ((tcp.syn != 0) != (tcp.syn_ack != 0)) {
        if (from_client != (tcp.syn != 0))
            turn_around(entry);
        entry.syn_seen = true;
        return;
    }
    if (from_client || entry.created_tick != tick)
        return;
    if (piece.first < entry.flow.start ||
        (piece.first == entry.flow.start && looks_like_client(piece.record.key, entry.flow))) {
        turn_around(entry);
        if (is_icmp(entry.flow.key.proto))
            entry.flow.key.client_port = piece.record.key.sport;
    }
}

/// A loopback device and a router on a stick pass each packet out and in: it is one packet of the flow. What a side sends
/// counts as it first crossed the device. Both sides may cross it the same way, as on a mirror port and in a capture.
bool passes_again(Entry &entry, const Piece &piece)
{
    const bool from_client = piece.from_src == entry.client_is_src;
    auto &crosses = entry.crosses.at(from_client ? 0 : 1);
    if (crosses)
        return *crosses != piece.direction;
    crosses = piece.direction;
    settle_direction(entry);
    return false;
}

void settle_state(Entry &entry)
{
    Flow &flow = entry.flow;
    const auto [client, server] = entry.delivered_tcp;
    const bool tcp = flow.key.proto == FG_PROTO_TCP;
    if (tcp && ((client | server) & FG_TCP_RST)) {
        flow.state = FlowState::Closed;
        flow.reason = FlowReason::Rst;
    } else if (tcp && (client & server & FG_TCP_FIN)) {
        flow.state = FlowState::Closed;
        flow.reason = FlowReason::Fin;
    } else if (tcp && !(flow.key.flags & FG_KEY_NO_PORTS) ? (client & server & FG_TCP_ACK) != 0
                                                          : entry.delivered[0] && entry.delivered[1]) {
        flow.state = FlowState::Established;
    }
}

/// Makes the other side the client of what the tick has changed so far.
void turn_around(FlowDelta &delta)
{
    std::swap(delta.to_server, delta.to_client);
    std::swap(delta.client_sent, delta.server_sent);
    std::swap(delta.client_first, delta.server_first);
}

void count(FlowDelta &delta, const Piece &piece, bool from_client)
{
    const fg_flow_record &record = piece.record;
    (from_client ? delta.to_server : delta.to_client) += {record.packets, record.bytes};
    (from_client ? delta.client_sent : delta.server_sent) += {
        .tcp = record.tcp, .min_length = record.min_length, .max_length = record.max_length};
    TimeNs &first = from_client ? delta.client_first : delta.server_first;
    first = first == 0 ? piece.first : std::min(first, piece.first);
    delta.last = std::max(delta.last, piece.last);
}

void count(Entry &entry, const Piece &piece, const RateClock &clock)
{
    Flow &flow = entry.flow;
    const fg_flow_record &record = piece.record;
    const bool from_client = piece.from_src == entry.client_is_src;
    const auto side = from_client ? 0U : 1U;
    (from_client ? flow.to_server : flow.to_client) += {record.packets, record.bytes};
    (from_client ? flow.tcp_flags_to_server : flow.tcp_flags_to_client) |= record.tcp_flags;
    (from_client ? flow.bits_to_server : flow.bits_to_client).add(clock, static_cast<double>(record.bytes) * 8);
    (from_client ? flow.client_sent : flow.server_sent) += {
        .tcp = record.tcp, .min_length = record.min_length, .max_length = record.max_length};
    std::uint32_t &longest = from_client ? flow.client_longest : flow.server_longest;
    longest = std::max<std::uint32_t>(longest, record.max_length);
    flow.connected |= flow.client_sent.tcp.syn > 0 && flow.to_server.packets > flow.client_sent.tcp.syn;
    flow.packets_both.add(clock, static_cast<double>(record.packets));
    flow.dropped += {record.dropped_packets, record.dropped_bytes};
    flow.start = std::min(flow.start, piece.first);
    flow.last = std::max(flow.last, piece.last);
    /* A packet that policy dropped reached nobody, so it opens and closes nothing. */
    if (record.dropped_packets < record.packets) {
        entry.delivered.at(side) = true;
        entry.delivered_tcp.at(side) |= record.tcp_flags;
    }
    settle_state(entry);
}

} // namespace

struct FlowTable::Impl {
    Impl(FlowTableConfig config_, std::uint64_t seed, unsigned ticks_per_second)
        : config(config_),
          clock(ticks_per_second),
          index(1024, Hash{&entries, seed}, Same{&entries}),
          next_id(seed >> 16 | 1)
    {
    }

    Entry &create(const fg_flow_key &key, const Piece &piece);
    FlowDelta &change_of(Entry &entry, const Piece &piece);
    void settle_changes();
    void settle_ended();
    void make_room();
    void finish(std::uint32_t number, FlowReason reason);
    void remember(const Flow &flow);
    void restart(Entry &entry, TimeNs now);
    std::chrono::nanoseconds patience(const Flow &flow) const;
    void forget_half_open();
    bool is_half_open(std::uint32_t number, std::uint64_t id) const;

    FlowTableConfig config;
    RateClock clock;
    Entries entries;
    std::vector<TimeNs> due; ///< by entry: it cannot be over before. Small, so that many idle flows cost little a tick
    std::vector<std::uint32_t> unused;
    tsl::robin_set<std::uint32_t, Hash, Same, std::allocator<std::uint32_t>, true> index;
    std::deque<std::pair<std::uint32_t, std::uint64_t>> half_open; ///< entry and flow id, oldest first; may be stale
    std::deque<Flow> ended;
    FlowTableCounters counters;
    std::vector<FlowDelta> changes;
    std::vector<std::uint32_t> changed; ///< the entries of `changes`
    std::vector<const Flow *> just_ended;
    std::vector<std::uint32_t> resting; ///< the entries of `just_ended`, which are given to no other flow meanwhile
    std::deque<Flow> parts;             ///< of flows that go on, ended by the active timeout in this tick
    std::uint64_t next_id;
    std::uint64_t tick = 1;
    std::uint64_t collecting_since = 1; ///< tick of which `changes` are, and of those that followed it
    std::uint32_t hand = 0;             ///< where make_room() looks next
};

Entry &FlowTable::Impl::create(const fg_flow_key &key, const Piece &piece)
{
    make_room();
    if (unused.empty()) {
        unused.push_back(static_cast<std::uint32_t>(entries.size()));
        entries.emplace_back();
        due.push_back(0);
    }
    const std::uint32_t number = unused.back();
    unused.pop_back();
    Entry &entry = entries[number];
    entry = {.key = key, .used = true, .client_is_src = piece.from_src, .created_tick = tick, .flow = {}};
    entry.flow.id = next_id++ & ((1ULL << 52) - 1); /* exact in a double, as JSON readers want it */
    entry.flow.key = flow_key(piece.record.key, piece.record.key.sport, piece.record.key.dport);
    entry.flow.start = piece.first;
    entry.flow.last = piece.last;
    index.insert(number);
    half_open.emplace_back(number, entry.flow.id);
    counters.created++;
    return entry;
}

bool FlowTable::Impl::is_half_open(std::uint32_t number, std::uint64_t id) const
{
    const Entry &entry = entries[number];
    return entry.used && entry.flow.id == id && entry.flow.state == FlowState::New;
}

/// Evicts one flow if the table is full: the oldest half-open one, or the most idle of a few.
void FlowTable::Impl::make_room()
{
    if (index.size() < config.max_flows)
        return;
    counters.evicted++;
    while (!half_open.empty()) {
        const auto [number, id] = half_open.front();
        half_open.pop_front();
        if (is_half_open(number, id))
            return finish(number, FlowReason::Evicted);
    }
    constexpr int sample = 16;
    std::uint32_t idlest = *index.begin();
    for (int i = 0; i < sample; i++) {
        hand = (hand + 1) % static_cast<std::uint32_t>(entries.size());
        if (entries[hand].used && entries[hand].flow.last < entries[idlest].flow.last)
            idlest = hand;
    }
    finish(idlest, FlowReason::Evicted);
}

FlowDelta &FlowTable::Impl::change_of(Entry &entry, const Piece &piece)
{
    if (entry.changed_tick < collecting_since) {
        entry.changed_tick = tick;
        entry.change = static_cast<std::uint32_t>(changes.size());
        changed.push_back(static_cast<std::uint32_t>(&entry - entries.data()));
        changes.emplace_back();
        changes.back().last = piece.last;
        changes.back().begun = entry.created_tick >= collecting_since;
        changes.back().was_connected = entry.flow.connected;
        changes.back().server_longest_before = entry.flow.server_longest;
    }
    due[changed[entry.change]] = 0;
    return changes[entry.change];
}

/// Entries moved while records were added, and some were given to other flows.
void FlowTable::Impl::settle_changes()
{
    std::size_t kept = 0;
    for (std::size_t i = 0; i < changes.size(); i++) {
        Entry &entry = entries[changed[i]];
        if (entry.changed_tick < collecting_since || entry.change != i)
            continue;
        entry.change = static_cast<std::uint32_t>(kept);
        changed[kept] = changed[i];
        changes[kept] = changes[i];
        changes[kept].flow = &entry.flow;
        changes[kept++].begun &= !entry.flow.continued;
    }
    changes.resize(kept);
    changed.resize(kept);
}

void FlowTable::Impl::settle_ended()
{
    just_ended.clear();
    for (const std::uint32_t number : resting)
        just_ended.push_back(&entries[number].flow);
    for (const Flow &part : parts)
        just_ended.push_back(&part);
}

void FlowTable::Impl::remember(const Flow &flow)
{
    counters.ended++;
    if (config.max_ended == 0)
        return;
    if (ended.size() >= config.max_ended)
        ended.pop_front();
    ended.push_back(flow);
}

void FlowTable::Impl::finish(std::uint32_t number, FlowReason reason)
{
    Entry &entry = entries[number];
    entry.flow.reason = reason;
    remember(entry.flow);
    index.erase(entry.key);
    entry.used = false;
    unused.push_back(number);
}

/// The active timeout: what was counted so far ends, the connection goes on under a new id.
void FlowTable::Impl::restart(Entry &entry, TimeNs now)
{
    entry.flow.reason = FlowReason::Active;
    remember(entry.flow);
    parts.push_back(entry.flow);
    entry.flow.id = next_id++ & ((1ULL << 52) - 1);
    entry.flow.to_server = entry.flow.to_client = entry.flow.dropped = {};
    entry.flow.client_sent = entry.flow.server_sent = {};
    entry.flow.start = entry.flow.last = now;
    entry.flow.continued = true;
    counters.created++;
}

std::chrono::nanoseconds FlowTable::Impl::patience(const Flow &flow) const
{
    if (flow.state == FlowState::Closed)
        return config.closed_timeout;
    if (flow.key.proto != FG_PROTO_TCP)
        return config.idle_timeout;
    return flow.state == FlowState::New ? config.new_timeout : config.tcp_established_timeout;
}

void FlowTable::Impl::forget_half_open()
{
    while (!half_open.empty() && !is_half_open(half_open.front().first, half_open.front().second))
        half_open.pop_front();
    if (half_open.size() > 2 * index.size() + 1024)
        std::erase_if(half_open, [this](const auto &each) { return !is_half_open(each.first, each.second); });
}

FlowTable::FlowTable(FlowTableConfig config, std::uint64_t seed, unsigned ticks_per_second)
    : impl_(std::make_unique<Impl>(config, seed, ticks_per_second))
{
}
FlowTable::~FlowTable() = default;
FlowTable::FlowTable(FlowTable &&) noexcept = default;
FlowTable &FlowTable::operator=(FlowTable &&) noexcept = default;

void FlowTable::begin_tick(double seconds, bool go_on)
{
    Impl &table = *impl_;
    table.clock.advance(seconds);
    table.tick++;
    if (go_on)
        return;
    table.collecting_since = table.tick;
    table.changes.clear();
    table.changed.clear();
    table.just_ended.clear();
    table.unused.insert(table.unused.end(), table.resting.begin(), table.resting.end());
    table.resting.clear();
    table.parts.clear();
}

void FlowTable::add(const fg_flow_record &record, fg_direction direction, TimeNs first, TimeNs last)
{
    if (record.key.kind != FG_KIND_IPV4 && record.key.kind != FG_KIND_IPV6)
        return;
    Impl &table = *impl_;
    const BiflowKey biflow = biflow_key(record.key);
    const Piece piece{record, direction, first, last, !biflow.swapped};
    auto found = table.index.find(biflow.key);
    if (found != table.index.end() && record.tcp.syn != 0) {
        const Entry &old = table.entries[*found];
        if (old.flow.state == FlowState::Closed && old.created_tick != table.tick) {
            table.finish(*found, old.flow.reason); /* the ports are used again */
            found = table.index.end();
        }
    }
    Entry &entry = found == table.index.end() ? table.create(biflow.key, piece) : table.entries[*found];
    FlowDelta &change = table.change_of(entry, piece);
    const bool client_was_src = entry.client_is_src;
    settle_client(entry, piece, table.tick);
    if (entry.client_is_src != client_was_src)
        turn_around(change);
    if (passes_again(entry, piece))
        return;
    const bool from_client = piece.from_src == entry.client_is_src;
    count(entry, piece, table.clock);
    count(change, piece, from_client);
}

void FlowTable::end_tick(TimeNs now)
{
    Impl &table = *impl_;
    table.settle_changes();
    const TimeNs active_timeout = std::chrono::nanoseconds(table.config.active_timeout).count();
    for (std::uint32_t number = 0; number < table.entries.size(); number++) {
        if (now < table.due[number])
            continue;
        Entry &entry = table.entries[number];
        table.due[number] = std::numeric_limits<TimeNs>::max();
        if (!entry.used)
            continue;
        const Flow &flow = entry.flow;
        if (now - flow.last >= table.patience(flow).count()) {
            table.finish(number, flow.state == FlowState::Closed ? flow.reason : FlowReason::Timeout);
            table.unused.pop_back();
            table.resting.push_back(number);
            continue;
        }
        if (now - flow.start >= active_timeout)
            table.restart(entry, now);
        table.due[number] = std::min(flow.last + table.patience(flow).count(), flow.start + active_timeout);
    }
    table.settle_ended();
    table.forget_half_open();
}

void FlowTable::drop_slot(std::uint8_t slot)
{
    for (std::uint32_t number = 0; number < impl_->entries.size(); number++)
        if (const Entry &entry = impl_->entries[number]; entry.used && entry.key.slot == slot)
            impl_->finish(number, entry.flow.state == FlowState::Closed ? entry.flow.reason : FlowReason::Timeout);
}

void FlowTable::visit_established(const std::function<void(const fg_flow_key &)> &visit) const
{
    for (const Entry &entry : impl_->entries) {
        if (!entry.used || entry.flow.state != FlowState::Established)
            continue;
        visit(entry.key);
        fg_flow_key back = entry.key;
        std::swap(back.src, back.dst);
        if (!is_icmp(back.proto))
            std::swap(back.sport, back.dport);
        visit(back);
    }
}

const std::vector<FlowDelta> &FlowTable::changes() const { return impl_->changes; }
const std::vector<const Flow *> &FlowTable::just_ended() const { return impl_->just_ended; }
std::size_t FlowTable::size() const { return impl_->index.size(); }
const FlowTableCounters &FlowTable::counters() const { return impl_->counters; }
const RateClock &FlowTable::clock() const { return impl_->clock; }
const std::deque<Flow> &FlowTable::ended() const { return impl_->ended; }

std::vector<Flow> FlowTable::active() const
{
    std::vector<Flow> flows;
    flows.reserve(impl_->index.size());
    for (const Entry &entry : impl_->entries)
        if (entry.used)
            flows.push_back(entry.flow);
    return flows;
}

} // namespace flowguard
