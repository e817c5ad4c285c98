// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/baselines_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace flowguard {
namespace {

constexpr std::uint64_t day_seconds = 86'400;
/// As many as WatchDay can count.
constexpr std::uint64_t longest_clock = 65'000 * day_seconds;
constexpr std::int64_t furthest_hour = 10'000'000; ///< about the year 3110
constexpr std::uint32_t longest_hour = 86'400;
constexpr double highest = 1e6;

bool is_within_reason(std::int64_t hour) { return hour >= -furthest_hour && hour <= furthest_hour; }
bool is_sound(double value) { return std::isfinite(value) && std::abs(value) <= highest; }
bool is_sound(const Usual &usual) { return is_sound(usual.location) && is_sound(usual.scale) && usual.scale >= 0; }

bool is_sound(const Habits &habits)
{
    const auto sound = [](const Usual &each) { return is_sound(each); };
    return is_sound(habits.new_peers) && std::ranges::all_of(habits.share, sound) &&
           std::ranges::all_of(habits.bytes, sound);
}

bool is_sound(const BaselineEntity &entity, const BaselineState &state)
{
    return entity.clock <= state.clock && entity.active <= state.clock && entity.watched <= longest_hour &&
           is_within_reason(entity.hour) && (!entity.habits || is_sound(*entity.habits)) &&
           std::ranges::all_of(entity.series, [](const Series &each) { return is_sound(each.shift()); });
}

template <class Set> bool is_sound(const Set &set, WatchDay today)
{
    return std::ranges::all_of(set, [&](const auto &each) { return each.second <= today; });
}

} // namespace

const char *quantity_name(std::size_t quantity)
{
    constexpr std::array names{"bits_in", "bits_out", "packets_in", "packets_out", "flows_in", "flows_out"};
    return names.at(quantity);
}

std::vector<std::pair<Service, const BaselineEntity *>> sorted_entities(const BaselineState &state)
{
    std::vector<std::pair<Service, const BaselineEntity *>> list;
    for (const auto &[key, entity] : state.entities)
        list.emplace_back(key, entity.get());
    std::ranges::sort(list, {}, [](const auto &each) { return each.first; });
    return list;
}

Result<void> check_baselines(const BaselineState &state)
{
    const auto wrong = [](std::string_view what) {
        return fail(ExitCode::Failed, fmt::format("the baselines are damaged: {}; 'flowguard baseline reset' begins "
                                                  "new ones",
                                                  what));
    };
    if (state.clock > longest_clock || state.hour_began > state.clock || !is_within_reason(state.hour))
        return wrong("their clock is beyond reason");
    const auto today = static_cast<WatchDay>(state.clock / day_seconds);
    if (!is_sound(state.knowledge.peers, today) || !is_sound(state.knowledge.remote_ports, today) ||
        !is_sound(state.knowledge.services, today))
        return wrong("something was used in the future");
    for (const auto &[key, entity] : state.entities)
        if (!is_sound(*entity, state))
            return wrong(fmt::format("what is said of {} cannot be", key.address.to_string()));
    return {};
}

} // namespace flowguard
