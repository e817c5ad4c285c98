// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/hash.h"
#include "flowguard/detect/metrics.h"

#include <tsl/robin_map.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace flowguard {

/// Days of watching, not of the calendar: clocks that leap make nothing forgotten, nor do weeks without a daemon.
using WatchDay = std::uint16_t;

/// A set that holds no more than `cap`, remembers when each was used last and forgets what was not used for long.
template <class Key> class Remembered {
  public:
    explicit Remembered(std::size_t cap) : cap_(cap) {}

    bool knows(const Key &key) const { return map_.find(key) != map_.end(); }
    /// True if it was not known.
    bool note(const Key &key, WatchDay today)
    {
        if (const auto found = map_.find(key); found != map_.end()) {
            found.value() = today;
            return false;
        }
        if (map_.size() >= cap_ && !make_room(today)) {
            refused_++;
            return true;
        }
        map_.try_emplace(key, today);
        return true;
    }
    void forget_before(WatchDay day)
    {
        for (auto it = map_.begin(); it != map_.end();)
            it = it->second < day ? map_.erase(it) : std::next(it);
    }

    void forget(const Key &key) { map_.erase(key); }
    void clear() { map_.clear(); }
    std::size_t size() const { return map_.size(); }
    std::size_t cap() const { return cap_; }
    std::uint64_t refused() const { return refused_; } ///< that found no room
    std::size_t memory() const { return map_.bucket_count() * sizeof(typename Map::value_type) * 5 / 4; }
    auto begin() const { return map_.begin(); } ///< in no order
    auto end() const { return map_.end(); }

  private:
    using Map = tsl::robin_map<Key, WatchDay, BytesHash>;

    /// Forgets the oldest; false if all were used on the same day.
    bool make_room(WatchDay today)
    {
        if (full_on_ == today)
            return false;
        WatchDay oldest = std::numeric_limits<WatchDay>::max();
        for (const auto &[key, day] : map_)
            oldest = std::min(oldest, day);
        if (oldest >= today) {
            full_on_ = today;
            return false;
        }
        forget_before(static_cast<WatchDay>(oldest + (today - oldest + 1) / 2));
        return map_.size() < cap_;
    }

    Map map_;
    std::size_t cap_;
    std::uint64_t refused_ = 0;
    WatchDay full_on_ = std::numeric_limits<WatchDay>::max();
};

/// Whom and what our hosts have used, and what they serve.
struct Knowledge {
    /// A hash: a set of 64 bits holds a quarter of a million strangers in 7 MB.
    using PeerHash = std::array<std::uint16_t, 4>;
    struct Port {
        std::uint16_t port = 0;
        std::uint16_t proto = 0;
        auto operator<=>(const Port &) const = default;
    };
    static PeerHash hash_of(const IpAddress &peer);

    Remembered<PeerHash> peers{250'000};
    Remembered<Port> remote_ports{16'384};
    Remembered<Service> services{16'384};

    /// Forgets what was not used for 30 days of watching.
    void begin_day(WatchDay today);
    std::size_t memory() const { return peers.memory() + remote_ports.memory() + services.memory(); }
};

} // namespace flowguard
