// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tsl/robin_map.h>

#include <cstddef>
#include <cstdint>

namespace flowguard {

/// A hash map that holds no more than `cap` entries and counts what it had no room for.
template <class Key, class Value, class Hash> class BoundedMap {
  public:
    explicit BoundedMap(std::size_t cap) : cap_(cap) {}

    /// The entry of `key`, made if there is room; else nullptr.
    Value *at(const Key &key)
    {
        if (const auto found = map_.find(key); found != map_.end())
            return &found.value();
        if (map_.size() >= cap_) {
            refused_++;
            return nullptr;
        }
        return &map_.try_emplace(key).first.value();
    }
    Value *find(const Key &key)
    {
        const auto found = map_.find(key);
        return found == map_.end() ? nullptr : &found.value();
    }
    const Value *find(const Key &key) const
    {
        const auto found = map_.find(key);
        return found == map_.end() ? nullptr : &found->second;
    }
    /// Removes entries for which `condition(key, value)` holds.
    template <class Condition> void erase_if(Condition condition)
    {
        for (auto it = map_.begin(); it != map_.end();)
            it = condition(it->first, it.value()) ? map_.erase(it) : std::next(it);
    }
    /// Makes room before it runs out: from seven eighths of the cap on, entries go that `is_idle(value, longest)`, then those
    /// that are for a quarter of that, and so on. Nanoseconds.
    template <class IsIdle> void make_room(std::int64_t longest, IsIdle is_idle)
    {
        constexpr std::int64_t second = 1'000'000'000;
        for (; map_.size() > cap_ * 7 / 8 && longest > second; longest /= 4)
            erase_if([&](const Key &, const Value &value) { return is_idle(value, longest); });
    }
    void erase(const Key &key) { map_.erase(key); }
    void clear() { map_.clear(); }
    std::size_t size() const { return map_.size(); }
    bool full() const { return map_.size() >= cap_; }
    std::uint64_t refused() const { return refused_; } ///< look-ups that found no room, since the start

    /// In no order: who makes findings of it sorts them.
    auto begin() { return map_.begin(); }
    auto end() { return map_.end(); }
    auto begin() const { return map_.begin(); }
    auto end() const { return map_.end(); }

  private:
    tsl::robin_map<Key, Value, Hash> map_;
    std::size_t cap_;
    std::uint64_t refused_ = 0;
};

} // namespace flowguard
