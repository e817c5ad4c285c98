// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/baselines.h"
#include "flowguard/detect/habits.h"
#include "flowguard/detect/knowledge.h"
#include "flowguard/detect/series.h"

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace flowguard {

constexpr std::size_t quantities = 6;

/// What is learnt of all traffic, of a host or of a service. Silence costs nothing: it is caught up with when the entity
/// is active again, or at the latest when the hour is over.
struct BaselineEntity {
    std::array<Series, quantities> series;
    Hours known;                    ///< hours of the week that were learnt
    std::int64_t hour = 0;          ///< since 1970; the one that is going on
    std::uint32_t watched = 0;      ///< seconds of it
    std::uint64_t clock = 0;        ///< up to when it was watched, in seconds of watching
    std::uint64_t active = 0;       ///< when it had traffic last, in seconds of watching
    std::unique_ptr<Habits> habits; ///< of hosts
};

/// All that Baselines know. Who writes it to disk and reads it again uses this.
struct BaselineState {
    /// The unspecified address with port 0: all traffic. A host: port 0 and protocol 0.
    using Entities = tsl::robin_map<Service, std::unique_ptr<BaselineEntity>, BytesHash>;

    Entities entities;
    std::size_t hosts = 0;
    std::size_t services = 0;
    Knowledge knowledge;
    std::uint64_t clock = 0;      ///< seconds of watching, ever
    bool trusted = false;         ///< learnt from traffic that somebody called normal
    std::int64_t hour = 0;        ///< since 1970; the one that is going on
    std::uint64_t hour_began = 0; ///< by `clock`

    TimeNs part = 0;                              ///< of a second that `clock` has not counted yet
    std::vector<Service> due;                     ///< entities whose last hour is to be folded still
    std::map<IpAddress, std::uint64_t> incidents; ///< hosts with open incidents, since when by `clock`
    std::uint64_t crowded_until = 0;              ///< by `clock`: before, looking for somebody to forget is no use
    std::uint64_t refused = 0;                    ///< hosts and services that found no room

    BaselineEntity *find(const Service &key) const;
    /// Made if there is room, or if somebody has been idle for long; else none.
    BaselineEntity *obtain(const Service &key);
    void erase(const Service &key);
    /// Brings an entity up to the clock.
    void settle(BaselineEntity &entity) const;
    /// Seconds that an entity was watched in the hour that it is in, the silent ones too.
    std::uint32_t watched(const BaselineEntity &entity) const;

    static constexpr std::size_t max_hosts = 4'096;
    static constexpr std::size_t max_services = 2'048;
    /// Half an hour: with less, the 99.5 % quantile rests on fewer than nine seconds.
    static constexpr std::uint32_t full_hour = 1'800;

  private:
    bool make_room(bool host);
};

} // namespace flowguard
