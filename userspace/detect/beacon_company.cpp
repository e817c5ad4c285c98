// SPDX-License-Identifier: Apache-2.0
#include "beacon_company.h"

#include <algorithm>
#include <cmath>

namespace flowguard {

/// Steps of a quarter, so that neighbours hold whatever is within about a quarter.
std::uint16_t BeaconCompany::octave(double period)
{
    constexpr double offset = 100; ///< periods below a second are positive, too
    return static_cast<std::uint16_t>(std::lround(offset + std::log(std::max(period, 0.01)) / std::log(1.25)));
}

void BeaconCompany::note(const BeaconKey &key, double period, TimeNs now)
{
    const std::uint16_t middle = octave(period);
    for (const int step : {-1, 0, 1})
        if (FewHosts *servers = polls_.at({key.client, static_cast<std::uint16_t>(middle + step), key.proto}))
            servers->note(key.server, now);
    if (FewHosts *clients = asked_.at({key.server, key.port, key.proto}))
        clients->note(key.client, now);
}

bool BeaconCompany::polls(const BeaconKey &key, double period) const
{
    const FewHosts *servers = polls_.find({key.client, octave(period), key.proto});
    return servers && servers->count() >= many;
}

bool BeaconCompany::serves(const BeaconKey &key) const
{
    const FewHosts *clients = asked_.find({key.server, key.port, key.proto});
    return clients && clients->count() >= many;
}

void BeaconCompany::forget(TimeNs now)
{
    const auto is_idle = [now](const FewHosts &hosts, TimeNs longest) { return now - hosts.last() > longest; };
    polls_.make_room(memory, is_idle);
    asked_.make_room(memory, is_idle);
}

} // namespace flowguard
