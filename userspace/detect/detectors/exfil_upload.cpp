// SPDX-License-Identifier: Apache-2.0
#include "exfil_upload.h"

#include "flowguard/abi/parser.h"

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;

} // namespace

double producer_ratio(std::uint64_t out, std::uint64_t in)
{
    const auto sent = static_cast<double>(out);
    const auto received = static_cast<double>(in);
    return out + in == 0 ? 0 : (sent - received) / (sent + received);
}

bool is_begun_by_client(const Flow &flow, TimeNs since)
{
    constexpr std::uint16_t first_ephemeral = 32'768; ///< Linux; IANA's are higher
    constexpr TimeNs idle = 60 * second;              ///< after which a UDP flow that is quiet is over
    if (flow.key.proto == FG_PROTO_TCP && flow.client_sent.tcp.syn > 0)
        return true;
    if (flow.key.proto == FG_PROTO_UDP && flow.start - since >= idle)
        return true;
    return flow.key.client_port >= flow.key.server_port || flow.key.server_port < first_ephemeral;
}

void NewPeers::note(const Tick &tick, const FlowDelta &delta)
{
    if (!delta.begun || tick.baselines.knowledge() == Maturity::None)
        return;
    const FlowKey &key = delta.flow->key;
    if (tick.locality.direction(key) != Locality::Direction::Out || tick.baselines.knows_peer(key.server))
        return;
    Meeting *meeting = peers_.at(key.server);
    if (meeting && meeting->first == 0)
        *meeting = {tick.begin, tick.baselines.knowledge()};
}

void NewPeers::age(TimeNs now)
{
    constexpr TimeNs day = 24 * 3600 * second;
    peers_.erase_if([now](const IpAddress &, const Meeting &meeting) { return now - meeting.first > day; });
}

Maturity NewPeers::novelty(const IpAddress &peer) const
{
    const Meeting *meeting = peers_.find(peer);
    return meeting ? meeting->maturity : Maturity::None;
}

void NameUsers::note(const Tick &tick)
{
    for (const DnsMessage &message : tick.dns)
        if (tick.locality.is_ours(message.client))
            if (TimeNs *since = since_.at(message.client); since && *since == 0)
                *since = message.time;
}

bool NameUsers::went_nameless(const Tick &tick, const IpAddress &host, const IpAddress &peer) const
{
    constexpr TimeNs cached = 600 * second; ///< for which a name may have been looked up before
    const TimeNs *since = since_.find(host);
    return since && tick.end - *since >= cached && tick.names.name_of(peer).empty();
}

} // namespace flowguard
