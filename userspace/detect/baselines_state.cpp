// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/baseline_state.h"

#include <algorithm>

namespace flowguard {
namespace {

/// An hour that goes on for longer than two: time stands still, or jumps back again and again.
constexpr std::uint32_t longest_hour = 7'200;
/// Who is silent for so long makes room for who is not.
constexpr std::uint64_t idle_seconds = 3'600;

bool is_host(const Service &key) { return key.proto == 0; }

std::size_t hour_of_week(std::int64_t hour)
{
    constexpr auto week = static_cast<std::int64_t>(hours_in_week);
    return static_cast<std::size_t>((hour % week + week) % week);
}

void fold(BaselineEntity &entity)
{
    const std::size_t hour = hour_of_week(entity.hour);
    for (Series &series : entity.series)
        series.fold(hour, entity.watched, entity.known);
    if (entity.habits)
        entity.habits->fold(entity.watched, entity.known.none());
    entity.known.set(hour);
    entity.watched = 0;
}

} // namespace

BaselineEntity *BaselineState::find(const Service &key) const
{
    const auto found = entities.find(key);
    return found == entities.end() ? nullptr : found->second.get();
}

void BaselineState::erase(const Service &key)
{
    if (entities.erase(key) > 0)
        (is_host(key) ? hosts : services)--;
}

/// Forgets a sixteenth of the hosts, or services: those that have been idle for longest, if for long.
bool BaselineState::make_room(bool host)
{
    std::vector<std::pair<std::uint64_t, Service>> idle;
    for (const auto &[key, entity] : entities)
        if (is_host(key) == host && entity->active + idle_seconds <= clock)
            idle.emplace_back(entity->active, key);
    if (idle.empty()) {
        crowded_until = clock + 60;
        return false;
    }
    const std::size_t count = std::min(idle.size(), (host ? max_hosts : max_services) / 16);
    std::ranges::partial_sort(idle, idle.begin() + static_cast<std::ptrdiff_t>(count));
    for (std::size_t i = 0; i < count; i++)
        erase(idle[i].second);
    return true;
}

BaselineEntity *BaselineState::obtain(const Service &key)
{
    if (BaselineEntity *found = find(key))
        return found;
    std::size_t &count = is_host(key) ? hosts : services;
    if (count >= (is_host(key) ? max_hosts : max_services) && (clock < crowded_until || !make_room(is_host(key)))) {
        refused++;
        return nullptr;
    }
    auto entity = std::make_unique<BaselineEntity>();
    entity->hour = hour;
    entity->clock = entity->active = clock;
    if (is_host(key))
        entity->habits = std::make_unique<Habits>();
    count++;
    return entities.try_emplace(key, std::move(entity)).first->second.get();
}

std::uint32_t BaselineState::watched(const BaselineEntity &entity) const
{
    const std::uint64_t end = entity.hour == hour ? clock : std::max(hour_began, entity.clock);
    return entity.watched + static_cast<std::uint32_t>(std::min<std::uint64_t>(end - entity.clock, longest_hour));
}

void BaselineState::settle(BaselineEntity &entity) const
{
    if (entity.hour != hour) {
        entity.watched = watched(entity);
        entity.clock = std::max(hour_began, entity.clock);
        if (entity.watched >= full_hour)
            fold(entity);
        entity.hour = hour;
    }
    entity.watched = watched(entity);
    entity.clock = clock;
    if (entity.watched >= longest_hour)
        fold(entity);
}

} // namespace flowguard
