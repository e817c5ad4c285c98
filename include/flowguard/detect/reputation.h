// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/feeds.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace flowguard {

/// A blacklist by the name that incidents call it by.
struct NamedFeed {
    std::string name;
    const ParsedFeed *feed = nullptr;
};

/// Disjoint ranges of addresses in order, each with the number of its list. `Word` is an address as a number that
/// compares as addresses do.
template <class Word> struct RangeTable {
    std::vector<Word> first;
    std::vector<Word> last;
    std::vector<std::uint8_t> list;

    std::size_t bytes() const { return first.size() * (2 * sizeof(Word) + 1); }
};

/// Which addresses and names stand on blacklists. An IPv4 entry takes 9 bytes, an IPv6 entry 33, a name 9.
class Reputation {
  public:
    Reputation() = default;
    /// What lies on several lists is named by the narrowest entry, then by the earlier list. Entries beyond `max_entries`
    /// are left out, and counted.
    explicit Reputation(std::span<const NamedFeed> feeds);

    /// The name of the list that has it; else nullptr.
    const std::string *listed(const IpAddress &address) const;
    /// The same for a domain name or one of its parents, in lower case without the last dot.
    const std::string *listed_name(std::string_view name) const;

    bool empty() const { return v4_.first.empty() && v6_.first.empty() && names_.empty(); }
    std::size_t entries() const { return v4_.first.size() + v6_.first.size() + names_.size(); }
    std::size_t bytes() const;
    std::size_t left_out() const { return left_out_; }

    static constexpr std::size_t max_entries = 1'000'000;
    static constexpr std::size_t max_lists = 255;

  private:
    std::vector<std::string> lists_;
    RangeTable<std::uint32_t> v4_;
    RangeTable<IpAddress> v6_;
    std::vector<std::uint32_t> v4_index_; ///< of the first range that ends in or after the /16 of that number
    std::vector<std::uint64_t> names_;    ///< hashes, in order
    std::vector<std::uint8_t> name_lists_;
    std::size_t left_out_ = 0;
};

} // namespace flowguard
