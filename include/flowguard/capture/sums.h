// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/hash.h"

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace flowguard {

/*
 * Sums by key in bounded memory: at `cap` keys, the half with the fewest bytes is forgotten, so that what is heavy stays
 * however late it comes. `Value` has `volume.bytes`.
 */
template <class Key, class Value> class Sums {
  public:
    explicit Sums(std::size_t cap) : cap_(cap) {}

    /// Valid until the next call.
    Value &at(const Key &key)
    {
        const auto found = map_.find(key);
        if (found != map_.end())
            return found.value();
        if (map_.size() >= cap_)
            forget();
        return map_.try_emplace(key).first.value();
    }
    /// None if it is not there, or not any more. Valid until the next at().
    Value *find(const Key &key)
    {
        const auto found = map_.find(key);
        return found == map_.end() ? nullptr : &found.value();
    }
    std::size_t size() const { return map_.size(); }
    /// Keys that were forgotten, once each time.
    std::uint64_t forgotten() const { return forgotten_; }

    using Row = std::pair<Key, const Value *>;
    /// All rows, the most bytes first.
    std::vector<Row> rows() const
    {
        std::vector<Row> rows;
        rows.reserve(map_.size());
        for (const auto &[key, value] : map_)
            rows.emplace_back(key, &value);
        std::ranges::sort(rows, heavier);
        return rows;
    }

  private:
    static bool heavier(const Row &a, const Row &b)
    {
        const auto [x, y] = std::pair(a.second->volume.bytes, b.second->volume.bytes);
        return x != y ? x > y : a.first < b.first;
    }
    void forget()
    {
        std::vector<Row> rows;
        rows.reserve(map_.size());
        for (const auto &[key, value] : map_)
            rows.emplace_back(key, &value);
        const auto kept = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
        std::ranges::nth_element(rows, kept, heavier);
        std::vector<Key> light;
        for (auto row = kept; row != rows.end(); ++row)
            light.push_back(row->first);
        for (const Key &key : light)
            map_.erase(key);
        forgotten_ += light.size();
    }

    tsl::robin_map<Key, Value, BytesHash> map_;
    std::size_t cap_;
    std::uint64_t forgotten_ = 0;
};

} // namespace flowguard
