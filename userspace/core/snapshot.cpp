// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/snapshot.h"

#include <algorithm>
#include <cmath>

namespace flowguard {

FlowDirection direction_of(const Flow &flow, const std::set<IpAddress> &own)
{
    if (own.contains(flow.key.client))
        return FlowDirection::Out;
    if (own.contains(flow.key.server))
        return FlowDirection::In;
    /* Multicast and broadcast have no owner: what came in was for this host as well. */
    if (flow.key.server.is_multicast())
        return flow.client_received ? FlowDirection::In : FlowDirection::Out;
    return FlowDirection::Forwarded;
}

double accounted(const InterfaceStatus &interface)
{
    Volume total;
    Volume explained;
    bool equal = true;
    for (const DirectionTotals &side : {interface.rx, interface.tx}) {
        const Volume sum = side.flows + side.overflow + side.non_ip;
        total += side.total;
        explained += sum;
        equal = equal && sum == side.total;
    }
    if (equal)
        return 1.0;
    /* An error in one direction must not hide behind the opposite error in the other, nor behind rounding. */
    const double packets = static_cast<double>(explained.packets) /
                           static_cast<double>(std::max<std::uint64_t>(total.packets, 1));
    const double bytes = static_cast<double>(explained.bytes) /
                         static_cast<double>(std::max<std::uint64_t>(total.bytes, 1));
    const double ratio = std::abs(packets - 1) > std::abs(bytes - 1) ? packets : bytes;
    return ratio == 1.0 ? std::nextafter(1.0, 0.0) : ratio;
}

} // namespace flowguard
