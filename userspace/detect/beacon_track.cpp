// SPDX-License-Identifier: Apache-2.0
#include "beacon_track.h"

#include "payload.h"

#include "flowguard/abi/parser.h"

namespace flowguard {

Exchange Exchange::of(const FlowDelta &delta)
{
    const Flow &flow = *delta.flow;
    Exchange exchange{.last = delta.last,
                      .up = payload_bytes(flow.key, delta.to_server, delta.client_sent, flow.client_sent),
                      .down = payload_bytes(flow.key, delta.to_client, delta.server_sent, flow.server_sent),
                      .opened = delta.begun && (delta.client_sent.tcp.syn > 0 || flow.key.proto == FG_PROTO_UDP)};
    /* Not those that answer what the server began, nor acknowledgements: a SACK block is 12 bytes, a keep-alive 1. */
    const bool began = delta.server_first == 0 || delta.client_first <= delta.server_first;
    if (exchange.opened || (began && exchange.up > 12 * delta.to_server.packets))
        exchange.client_first = delta.client_first;
    return exchange;
}

bool BeaconTrack::note(const Exchange &exchange)
{
    bool finished = false;
    if (exchange.client_first != 0 && (burst_begin_ == 0 || exchange.client_first - last_ >= silence)) {
        finished = finish_burst();
        burst_begin_ = exchange.client_first;
        burst_opened_ = exchange.opened;
        last_ = exchange.last;
    }
    if (burst_begin_ == 0)
        return false;
    up_ += exchange.up;
    down_ += exchange.down;
    if (exchange.last - last_ < 2 * silence) /* what the server says much later does not prolong the burst */
        last_ = std::max(last_, exchange.last);
    return finished;
}

bool BeaconTrack::finish_burst()
{
    const std::uint64_t up = std::exchange(up_, 0);
    const std::uint64_t down = std::exchange(down_, 0);
    if (burst_begin_ == 0 || up < min_up || down == 0)
        return false;
    bursts_++;
    opened_ += burst_opened_ ? 1 : 0;
    if (bursts_ == 1) {
        first_ = previous_begin_ = burst_begin_;
        return false;
    }
    if (!history_)
        history_ = std::make_unique<History>();
    history_->gaps.push(static_cast<float>(static_cast<double>(burst_begin_ - previous_begin_) / 1e9));
    history_->up.push(static_cast<float>(up));
    history_->down.push(static_cast<float>(down));
    previous_begin_ = burst_begin_;
    return true;
}

} // namespace flowguard
