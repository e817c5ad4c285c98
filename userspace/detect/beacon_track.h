// SPDX-License-Identifier: Apache-2.0
/* What one host of ours did with one service, as a series of bursts. */
#pragma once

#include "flowguard/core/flow.h"
#include "regularity.h"

#include <array>
#include <memory>
#include <vector>

namespace flowguard {

struct BeaconKey {
    IpAddress client;
    IpAddress server;
    std::uint16_t port = 0;
    std::uint16_t proto = 0; ///< 16 bits, so that there is no padding

    auto operator<=>(const BeaconKey &) const = default;
};

/// What a flow did in a tick, less headers.
struct Exchange {
    TimeNs client_first = 0; ///< 0: the client sent nothing that counts
    TimeNs last = 0;
    std::uint64_t up = 0; ///< payload bytes to the server, about
    std::uint64_t down = 0;
    bool opened = false; ///< a new connection

    static Exchange of(const FlowDelta &delta);
};

/// The latest of a series.
template <std::size_t Size> class Ring {
  public:
    void push(float value) { values_[count_++ % Size] = value; }
    std::span<const float> values() const { return {values_.data(), std::min(count_, Size)}; }

  private:
    std::array<float, Size> values_{};
    std::size_t count_ = 0;
};

/// Bursts that follow silence, each with what was sent and answered in it.
class BeaconTrack {
  public:
    struct History {
        Ring<64> gaps; ///< s, between the begins of bursts
        Ring<64> up;   ///< bytes
        Ring<64> down;
    };

    /// True if a burst is complete, so that there is something new to judge.
    bool note(const Exchange &exchange);

    const History *history() const { return history_.get(); } ///< nullptr before the second burst
    std::uint32_t bursts() const { return bursts_; }
    std::uint32_t opened() const { return opened_; } ///< of the bursts: that began with a new connection
    TimeNs first() const { return first_; }
    TimeNs last() const { return last_; } ///< activity

    /// Bursts are apart when the client was silent for as long: longer than round trips and retransmissions take.
    static constexpr TimeNs silence = 1'000'000'000;
    /// A burst with fewer bytes says no more than "I am here": keep-alives of TLS, WebSocket, MQTT, SSH or push services.
    static constexpr std::uint64_t min_up = 128;

  private:
    bool finish_burst();

    std::unique_ptr<History> history_;
    TimeNs first_ = 0;
    TimeNs last_ = 0;
    TimeNs burst_begin_ = 0;
    TimeNs previous_begin_ = 0; ///< of the burst before
    std::uint64_t up_ = 0;      ///< in the burst
    std::uint64_t down_ = 0;
    std::uint32_t bursts_ = 0;
    std::uint32_t opened_ = 0;
    bool burst_opened_ = false;
};

} // namespace flowguard
