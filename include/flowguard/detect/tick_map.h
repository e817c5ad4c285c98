// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tsl/robin_map.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace flowguard {

/// A hash map that is filled and emptied in each tick, and iterates in order of first entry. It holds no more than `cap`
/// entries and counts what it had no room for. Entries lie densely, because those of a spoofed flood are many and large.
template <class Key, class Value, class Hash> class TickMap {
  public:
    explicit TickMap(std::size_t cap) : cap_(cap) {}

    /// The entry of `key`, made if there is room; else nullptr. Valid until the next call.
    Value *at(const Key &key)
    {
        if (entries_.size() >= cap_) {
            const auto found = index_.find(key);
            if (found != index_.end())
                return &entries_[found->second].second;
            refused_++;
            return nullptr;
        }
        const auto [found, made] = index_.try_emplace(key, static_cast<std::uint32_t>(entries_.size()));
        if (made)
            entries_.emplace_back(key, Value{});
        return &entries_[found->second].second;
    }
    const Value *find(const Key &key) const
    {
        const auto found = index_.find(key);
        return found == index_.end() ? nullptr : &entries_[found->second].second;
    }
    void clear()
    {
        index_.clear();
        entries_.clear();
    }
    std::size_t size() const { return entries_.size(); }
    bool full() const { return entries_.size() >= cap_; }
    std::uint64_t refused() const { return refused_; } ///< look-ups that found no room, since the start

    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

  private:
    tsl::robin_map<Key, std::uint32_t, Hash, std::equal_to<Key>, std::allocator<std::pair<Key, std::uint32_t>>, true>
        index_;
    std::vector<std::pair<Key, Value>> entries_;
    std::size_t cap_;
    std::uint64_t refused_ = 0;
};

} // namespace flowguard
