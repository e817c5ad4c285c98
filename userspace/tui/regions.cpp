// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/regions.h"

#include <algorithm>

namespace flowguard {
namespace {

/* Heights from which a part is worth its lines. */
constexpr int for_status = 3;
constexpr int for_heading = 4;
constexpr int for_totals = 7;
constexpr int for_facts = 10;
constexpr int for_totals_heading = 12;
constexpr int for_interfaces = 16;

} // namespace

Regions divide_screen(int height, std::size_t interface_count)
{
    Regions regions;
    const auto give = [&](int wanted, int from) { return height >= from ? wanted : 0; };
    regions.title = give(1, 1);
    regions.status = give(1, for_status);
    regions.heading = give(1, for_heading);
    regions.totals = give(2, for_totals);
    regions.facts = give(1, for_facts);
    regions.totals_heading = give(1, for_totals_heading);
    if (height >= for_interfaces && interface_count > 0) {
        const auto most = std::size_t{2} + static_cast<std::size_t>(height - for_interfaces) / 4;
        regions.interfaces = 1 + static_cast<int>(std::min(interface_count, most));
    }
    const int taken = regions.title + regions.status + regions.heading + regions.totals + regions.facts +
                      regions.totals_heading + regions.interfaces;
    regions.rows = std::max(height - taken, 0);
    return regions;
}

} // namespace flowguard
