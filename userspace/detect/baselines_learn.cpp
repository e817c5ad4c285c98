// SPDX-License-Identifier: Apache-2.0
/*
 * A tick is learnt: quantities of our hosts and services, whom and what they used. What is silent is not touched.
 */
#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"
#include "flowguard/detect/baseline_state.h"
#include "flowguard/detect/tick.h"

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

constexpr TimeNs second_ns = 1'000'000'000;
constexpr TimeNs hour_ns = 3'600 * second_ns;
constexpr std::uint64_t day_seconds = 86'400;
/// A longer tick is absence, not silence: nobody watched.
constexpr TimeNs longest_silence = 600 * second_ns;
/// An incident that lasts for longer is how things are now.
constexpr std::uint64_t longest_freeze = day_seconds;
/// Of those whose hour has ended, per tick: all are done within two minutes, and no tick is long.
constexpr std::size_t folded_per_tick = 64;

using Values = std::array<double, quantities>;

class Lesson {
  public:
    Lesson(BaselineState &state, const Tick &tick) : state_(state), tick_(tick) {}

    void learn()
    {
        begin_hour();
        fold_due();
        freeze();
        const std::uint64_t day = state_.clock / day_seconds;
        const std::uint32_t seconds = advance();
        if (state_.clock / day_seconds != day)
            state_.knowledge.begin_day(today());
        if (seconds > 0) {
            learn_hosts(seconds);
            learn_services(seconds);
        }
        learn_use();
    }

  private:
    WatchDay today() const { return static_cast<WatchDay>(state_.clock / day_seconds); }

    void begin_hour()
    {
        const std::int64_t hour = tick_.begin / hour_ns;
        if (hour == state_.hour)
            return;
        while (!state_.due.empty())
            fold_due();
        state_.hour = hour;
        state_.hour_began = state_.clock;
        state_.due.reserve(state_.entities.size());
        for (const auto &[key, entity] : state_.entities)
            state_.due.push_back(key);
    }

    void fold_due()
    {
        constexpr std::uint64_t forgotten = 30 * day_seconds;
        for (std::size_t i = 0; i < folded_per_tick && !state_.due.empty(); i++) {
            const Service key = state_.due.back();
            state_.due.pop_back();
            BaselineEntity *entity = state_.find(key);
            if (!entity)
                continue;
            if (entity->active + forgotten < state_.clock)
                state_.erase(key);
            else
                state_.settle(*entity);
        }
    }

    /// Who is talked to says nothing of how much: a beacon that is never looked into must not end the learning.
    static bool distorts(std::string_view detector)
    {
        constexpr std::array<std::string_view, 3> whom{"c2.", "novelty.", "reputation."};
        return std::ranges::none_of(whom, [&](std::string_view family) { return detector.starts_with(family); });
    }

    void freeze()
    {
        std::map<IpAddress, std::uint64_t> now;
        for (const Incident *incident : tick_.incidents.open()) {
            if (!distorts(incident->finding.detector))
                continue;
            const Subject &subject = incident->finding.subject;
            const auto add = [&](const IpAddress &address) {
                const auto before = state_.incidents.find(address);
                now[address] = before == state_.incidents.end() ? state_.clock : before->second;
            };
            if (subject.source)
                add(*subject.source);
            if (subject.target)
                add(*subject.target);
            if (incident->finding.detector.starts_with("dos."))
                add({}); /* all traffic */
        }
        state_.incidents = std::move(now);
    }

    bool frozen(const IpAddress &address) const
    {
        if (state_.incidents.empty())
            return false;
        const auto found = state_.incidents.find(address);
        return found != state_.incidents.end() && state_.clock - found->second < longest_freeze;
    }

    /// Whole seconds that have passed. A tick of less than one is a sample of its second, or is not learnt.
    std::uint32_t advance()
    {
        state_.part += std::clamp<TimeNs>(tick_.end - tick_.begin, 0, longest_silence);
        const TimeNs seconds = state_.part / second_ns;
        state_.part -= seconds * second_ns;
        state_.clock += static_cast<std::uint64_t>(seconds);
        return static_cast<std::uint32_t>(seconds);
    }

    /// `seconds` of the clock have been this tick.
    void learn_values(const Service &key, BaselineEntity &entity, const Values &values, std::uint32_t seconds)
    {
        state_.settle(entity);
        entity.active = state_.clock;
        if (frozen(key.address)) {
            entity.watched -= std::min(entity.watched, seconds);
            return;
        }
        for (std::size_t i = 0; i < quantities; i++)
            entity.series[i].current.add(values[i] / tick_.seconds(), seconds);
    }

    void learn_hosts(std::uint32_t seconds)
    {
        Values all{};
        for (const auto &[address, counts] : tick_.metrics.hosts()) {
            if (!tick_.locality.is_ours(address) || address.is_multicast())
                continue;
            const Values values{8.0 * static_cast<double>(counts.received.bytes),
                                8.0 * static_cast<double>(counts.sent.bytes),
                                static_cast<double>(counts.received.packets),
                                static_cast<double>(counts.sent.packets),
                                static_cast<double>(counts.begun_to),
                                static_cast<double>(counts.begun_by)};
            std::ranges::transform(all, values, all.begin(), std::plus<>());
            const Service key{address, 0, 0};
            /* An address that only receives may not exist: scans must not fill the table. */
            BaselineEntity *entity = counts.sent.packets > 0 ? state_.obtain(key) : state_.find(key);
            if (!entity)
                continue;
            learn_values(key, *entity, values, seconds);
            if (!frozen(address))
                std::ranges::transform(entity->habits->bytes_now, counts.bytes, entity->habits->bytes_now.begin(),
                                       std::plus<>());
        }
        if (BaselineEntity *total = state_.obtain({}))
            learn_values({}, *total, all, seconds);
    }

    void learn_services(std::uint32_t seconds)
    {
        for (const auto &[key, counts] : tick_.metrics.services()) {
            if (!tick_.locality.is_ours(key.address) || key.address.is_multicast())
                continue;
            /* A reset says that nobody is there. */
            const bool answers = counts.out.packets > counts.rst_out && counts.in.packets > 0;
            BaselineEntity *entity = answers ? state_.obtain(key) : state_.find(key);
            if (entity)
                learn_values(key, *entity,
                             {8.0 * static_cast<double>(counts.in.bytes), 8.0 * static_cast<double>(counts.out.bytes),
                              static_cast<double>(counts.in.packets), static_cast<double>(counts.out.packets),
                              static_cast<double>(counts.begun), 0.0},
                             seconds);
            if (answers && counts.begun > 0 && !frozen(key.address))
                state_.knowledge.services.note(key, today());
        }
    }

    void learn_use()
    {
        for (const FlowDelta &delta : tick_.flows) {
            /* Once a flow: with its first answer, unless that is a reset. */
            if (delta.to_client.packets > delta.server_sent.tcp.rst &&
                delta.flow->to_client.packets == delta.to_client.packets)
                learn_flow(*delta.flow);
        }
        for (const Flow *flow : tick_.ended)
            if (flow->to_client.packets > flow->server_sent.tcp.rst)
                learn_flow(*flow, true);
    }

    void learn_flow(const Flow &flow, bool ended = false)
    {
        /* Who comes to us may have forged his address, until a handshake and data say that he has not. */
        constexpr std::uint64_t handshake_and_data = 3;
        const FlowKey &key = flow.key;
        const Locality::Direction direction = tick_.locality.direction(key);
        if (direction == Locality::Direction::Out && !frozen(key.server)) {
            if (state_.knowledge.peers.note(Knowledge::hash_of(key.server), today()))
                note_new_peer(key.client);
            /* Not before the flow is over: until then novelty.port may have to tell of it. */
            if (ended && has_ports(key.proto))
                state_.knowledge.remote_ports.note({key.server_port, key.proto}, today());
        } else if (direction == Locality::Direction::In && ended && key.proto == FG_PROTO_TCP &&
                   flow.to_server.packets >= handshake_and_data && !frozen(key.client)) {
            state_.knowledge.peers.note(Knowledge::hash_of(key.client), today());
        }
    }

    void note_new_peer(const IpAddress &host)
    {
        BaselineEntity *entity = state_.find({host, 0, 0});
        const bool stranger = entity && entity->known.none() && state_.watched(*entity) < Habits::acquaintance;
        if (entity && !stranger && !frozen(host))
            entity->habits->new_peers_now++;
    }

    BaselineState &state_;
    const Tick &tick_;
};

} // namespace

void Baselines::learn(const Tick &tick) { Lesson(*state_, tick).learn(); }

} // namespace flowguard
