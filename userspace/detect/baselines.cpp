// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/baselines.h"

#include "flowguard/detect/baseline_state.h"

#include <algorithm>

namespace flowguard {
namespace {

constexpr std::uint64_t hour_seconds = 3'600;
constexpr std::uint64_t day_seconds = 86'400;
constexpr TimeNs hour_ns = 3'600'000'000'000;

std::size_t hour_of_week(TimeNs now)
{
    constexpr auto week = static_cast<TimeNs>(hours_in_week);
    return static_cast<std::size_t>(((now / hour_ns) % week + week) % week);
}

Forecast forecast_of(const Level &level, Maturity maturity)
{
    return {.maturity = maturity, .location = level.location, .scale = level.scale};
}

} // namespace

Baselines::Baselines() : state_(std::make_unique<BaselineState>()) {}
Baselines::~Baselines() = default;
Baselines::Baselines(Baselines &&) noexcept = default;
Baselines &Baselines::operator=(Baselines &&) noexcept = default;

Forecast Baselines::forecast(const SeriesKey &key, TimeNs now) const
{
    const BaselineEntity *entity = state_->find({key.host, key.port, key.proto});
    if (!entity)
        return {};
    constexpr std::uint32_t least = 60; ///< seconds: nothing can be said before
    const Series &series = entity->series[static_cast<std::size_t>(key.quantity)];
    const std::uint32_t watched = state_->watched(*entity);
    const std::size_t hour = hour_of_week(now);
    if (entity->known.none()) {
        if (watched < least)
            return {};
        return forecast_of(series.current.level(watched),
                           watched < BaselineState::full_hour ? Maturity::Warming : Maturity::Ready);
    }
    Level level = series.usual(hour, entity->known);
    if (!Series::knows_hour(hour, entity->known) && watched >= BaselineState::full_hour) {
        /* Other hours and the last half hour are both poor witnesses of this hour: the milder one is heard. */
        const Level recent = series.current.level(watched);
        level = {.location = std::max(level.location, recent.location), .scale = std::max(level.scale, recent.scale)};
    }
    return forecast_of(level, Maturity::Ready);
}

bool Baselines::knows_peer(const IpAddress &peer) const
{
    return state_->knowledge.peers.knows(Knowledge::hash_of(peer));
}

bool Baselines::knows_remote_port(std::uint8_t proto, std::uint16_t port) const
{
    return state_->knowledge.remote_ports.knows({port, proto});
}

bool Baselines::knows_service(const IpAddress &host, std::uint8_t proto, std::uint16_t port) const
{
    return state_->knowledge.services.knows({host, port, proto});
}

Maturity Baselines::knowledge() const
{
    if (state_->clock == 0)
        return Maturity::None;
    return state_->clock >= day_seconds || state_->trusted ? Maturity::Ready : Maturity::Warming;
}

const Habits *Baselines::habits(const IpAddress &host) const
{
    const BaselineEntity *entity = state_->find({host, 0, 0});
    return entity ? entity->habits.get() : nullptr;
}

Maturity Baselines::maturity(const Habits &habits) const
{
    constexpr std::uint32_t day = 24;
    const std::uint32_t hours = habits.bytes[0].hours;
    if (hours == 0)
        return Maturity::None;
    return hours >= day || state_->trusted ? Maturity::Ready : Maturity::Warming;
}

void Baselines::trust()
{
    state_->hour_began = state_->clock;
    state_->hour++;
    for (const auto &[key, entity] : state_->entities)
        state_->settle(*entity);
    state_->due.clear();
    state_->trusted = state_->trusted || state_->clock >= hour_seconds;
}

void Baselines::reset() { *state_ = {}; }

bool Baselines::reset(const IpAddress &host)
{
    std::vector<Service> keys;
    for (const auto &[key, entity] : state_->entities)
        if (key.address == host)
            keys.push_back(key);
    for (const Service &key : keys)
        state_->erase(key);
    std::vector<Service> served;
    for (const auto &[key, day] : state_->knowledge.services)
        if (key.address == host)
            served.push_back(key);
    for (const Service &key : served)
        state_->knowledge.services.forget(key);
    return !keys.empty() || !served.empty();
}

std::size_t Baselines::memory() const
{
    const BaselineState &state = *state_;
    std::size_t sum = sizeof state + state.knowledge.memory() +
                      state.entities.bucket_count() * sizeof(BaselineState::Entities::value_type) * 5 / 4;
    for (const auto &[key, entity] : state.entities) {
        sum += sizeof *entity + (entity->habits ? sizeof *entity->habits : 0) - sizeof entity->series;
        for (const Series &series : entity->series)
            sum += series.memory();
    }
    return sum + state.due.capacity() * sizeof(Service);
}

} // namespace flowguard
