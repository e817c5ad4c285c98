// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/reputation.h"

#include <xxhash.h>

#include <algorithm>
#include <tuple>

namespace flowguard {
namespace {

template <class Word> struct Entry {
    Word first;
    Word last;
    std::uint8_t list;
};

std::uint32_t to_number(const IpAddress &address)
{
    const auto &bytes = address.bytes();
    return std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 | std::uint32_t{bytes[14]} << 8 | bytes[15];
}

std::uint32_t next(std::uint32_t address) { return address + 1; }
std::uint32_t previous(std::uint32_t address) { return address - 1; }

IpAddress step(const IpAddress &address, int by)
{
    std::uint8_t bytes[16];
    std::ranges::copy(address.bytes(), bytes);
    for (int i = 15; i >= 0; i--) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] + by);
        if (bytes[i] != (by > 0 ? 0 : 0xff))
            break;
    }
    return IpAddress(bytes);
}
IpAddress next(const IpAddress &address) { return step(address, 1); }
IpAddress previous(const IpAddress &address) { return step(address, -1); }

/// Makes ranges that overlap disjoint: of those that have an address the one that begins last, the narrowest, names it.
/// No range ends at the highest address: parse_feed refuses those.
template <class Word> class Flattener {
  public:
    RangeTable<Word> flatten(std::vector<Entry<Word>> entries)
    {
        std::ranges::sort(entries, [](const Entry<Word> &a, const Entry<Word> &b) {
            return std::tie(a.first, b.last, b.list) < std::tie(b.first, a.last, a.list);
        });
        table_.first.reserve(entries.size());
        table_.last.reserve(entries.size());
        table_.list.reserve(entries.size());
        for (const Entry<Word> &entry : entries) {
            close_before(entry.first);
            if (!open_.empty() && cursor_ < entry.first)
                emit(previous(entry.first), open_.back().list);
            open_.push_back(entry);
            cursor_ = entry.first;
        }
        while (!open_.empty())
            close_last();
        table_.first.shrink_to_fit();
        table_.last.shrink_to_fit();
        table_.list.shrink_to_fit();
        return std::move(table_);
    }

  private:
    void close_before(const Word &address)
    {
        while (!open_.empty() && open_.back().last < address)
            close_last();
    }
    void close_last()
    {
        if (cursor_ <= open_.back().last) {
            emit(open_.back().last, open_.back().list);
            cursor_ = next(open_.back().last);
        }
        open_.pop_back();
    }
    /// From the cursor to `last`.
    void emit(const Word &last, std::uint8_t list)
    {
        if (!table_.last.empty() && table_.list.back() == list && next(table_.last.back()) == cursor_) {
            table_.last.back() = last;
            return;
        }
        table_.first.push_back(cursor_);
        table_.last.push_back(last);
        table_.list.push_back(list);
    }

    RangeTable<Word> table_;
    std::vector<Entry<Word>> open_; ///< that have the cursor's address; the narrowest last
    Word cursor_{};
};

std::uint64_t hash(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

} // namespace

Reputation::Reputation(std::span<const NamedFeed> feeds)
{
    std::vector<Entry<std::uint32_t>> v4;
    std::vector<Entry<IpAddress>> v6;
    std::vector<std::pair<std::uint64_t, std::uint8_t>> names;
    const auto full = [&] { return v4.size() + v6.size() + names.size() >= max_entries || lists_.size() > max_lists; };
    for (const NamedFeed &named : feeds) {
        const auto list = static_cast<std::uint8_t>(std::min(lists_.size(), max_lists));
        lists_.push_back(named.name);
        for (const AddressRange &range : named.feed->ranges) {
            if (full())
                left_out_++;
            else if (range.first.is_v4())
                v4.push_back({to_number(range.first), to_number(range.last), list});
            else
                v6.push_back({range.first, range.last, list});
        }
        for (const std::string &name : named.feed->names)
            if (full())
                left_out_++;
            else
                names.emplace_back(hash(name), list);
    }
    v4_ = Flattener<std::uint32_t>().flatten(std::move(v4));
    v6_ = Flattener<IpAddress>().flatten(std::move(v6));
    v4_index_.resize(v4_.first.empty() ? 0 : 65'537);
    for (std::size_t i = 0; i < v4_index_.size(); i++) /* the last entry: all of them */
        v4_index_[i] = static_cast<std::uint32_t>(
            i == 65'536 ? v4_.last.size()
                        : std::ranges::lower_bound(v4_.last, static_cast<std::uint32_t>(i << 16)) - v4_.last.begin());
    std::ranges::sort(names);
    const auto [rest, end] = std::ranges::unique(names, {}, [](const auto &each) { return each.first; });
    names.erase(rest, end);
    names_.reserve(names.size());
    for (const auto &[name, list] : names) {
        names_.push_back(name);
        name_lists_.push_back(list);
    }
}

const std::string *Reputation::listed(const IpAddress &address) const
{
    if (!address.is_v4()) {
        const auto at = std::ranges::lower_bound(v6_.last, address) - v6_.last.begin();
        const auto i = static_cast<std::size_t>(at);
        return i < v6_.first.size() && v6_.first[i] <= address ? &lists_[v6_.list[i]] : nullptr;
    }
    if (v4_index_.empty())
        return nullptr;
    const std::uint32_t number = to_number(address);
    const auto begin = v4_.last.begin();
    /* The range that holds the address may end beyond the /16: one more than those that end in it. */
    const std::size_t end = std::min<std::size_t>(v4_index_[(number >> 16) + 1] + std::size_t{1}, v4_.last.size());
    const auto found = std::lower_bound(begin + v4_index_[number >> 16], begin + static_cast<std::ptrdiff_t>(end),
                                        number);
    const auto i = static_cast<std::size_t>(found - begin);
    return i < v4_.first.size() && v4_.first[i] <= number ? &lists_[v4_.list[i]] : nullptr;
}

const std::string *Reputation::listed_name(std::string_view name) const
{
    while (!names_.empty() && !name.empty()) {
        const std::uint64_t wanted = hash(name);
        if (const auto found = std::ranges::lower_bound(names_, wanted); found != names_.end() && *found == wanted)
            return &lists_[name_lists_[static_cast<std::size_t>(found - names_.begin())]];
        const auto dot = name.find('.');
        if (dot == std::string_view::npos)
            break;
        name.remove_prefix(dot + 1);
    }
    return nullptr;
}

std::size_t Reputation::bytes() const { return v4_.bytes() + v6_.bytes() + names_.size() * 9 + v4_index_.size() * 4; }

} // namespace flowguard
