// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rule_rows.h"

#include "flowguard/core/rule_match.h"

#include <algorithm>
#include <map>
#include <set>

namespace flowguard {
namespace {

/// Bit n: the rule that is asked as the nth.
using Bits = std::array<std::uint64_t, FG_RULE_WORDS>;

constexpr unsigned mapped_v4_bits = 96;

class Compiler {
  public:
    Compiler(std::span<const fg_rule> slots, const InterfaceNames &interfaces) : interfaces_(interfaces)
    {
        result_.half = std::make_unique<fg_rule_half>();
        for (const std::uint16_t slot : rule_order(slots)) {
            fg_rule_half &half = *result_.half;
            half.order[half.count++] = slot;
            half.early += slots[slot].priority < FG_BLOCKLIST_PRIORITY;
            rules_.push_back(&slots[slot]);
        }
        all_ = bits_of([](const fg_match &) { return true; });
        row_of(all_); /* FG_ALL_RULES */
    }

    RuleRows compile() &&
    {
        fg_rule_half &half = *result_.half;
        compile_path();
        compile_addresses();
        compile_each(FG_FIELD_PROTO, half.proto, [](const fg_match &match, std::size_t value) {
            return matches_proto(match, static_cast<std::uint8_t>(value));
        });
        compile_each(FG_FIELD_TCP_FLAGS, half.tcp_flags, [](const fg_match &match, std::size_t value) {
            return matches_tcp_flags(match, static_cast<std::uint8_t>(value));
        });
        half.no_tcp_flags = row_without(FG_FIELD_TCP_FLAGS,
                                        [](const fg_match &match) { return matches_tcp_flags(match, {}); });
        Bits cut{};
        for (std::size_t i = 0; i < rules_.size(); i++)
            if (matches_cut_flags(*rules_[i]))
                cut.at(i / 64) |= 1ULL << (i % 64);
        half.cut_tcp_flags = row_of(cut);
        compile_ranges(FG_FIELD_SPORT, half.sport,
                       [](const fg_match &match) { return range_if(match.conditions & FG_MATCH_SPORT, match.sport); });
        half.no_sport = row_without(FG_FIELD_SPORT, [](const fg_match &match) { return matches_sport(match, {}); });
        compile_ranges(FG_FIELD_DPORT, half.dport,
                       [](const fg_match &match) { return range_if(match.conditions & FG_MATCH_DPORT, match.dport); });
        half.no_dport = row_without(FG_FIELD_DPORT, [](const fg_match &match) { return matches_dport(match, {}); });
        compile_ranges(FG_FIELD_LENGTH, half.length, [](const fg_match &match) { return match.length; });
        return std::move(result_);
    }

  private:
    static fg_range range_if(bool given, const fg_range &range) { return given ? range : fg_range{0, 65535}; }

    template <class Condition> Bits bits_of(Condition condition) const
    {
        Bits bits{};
        for (std::size_t i = 0; i < rules_.size(); i++)
            if (condition(rules_[i]->match))
                bits.at(i / 64) |= 1ULL << (i % 64);
        return bits;
    }

    std::uint16_t row_of(const Bits &bits)
    {
        const auto [found, is_new] = numbers_.try_emplace(bits, static_cast<std::uint16_t>(result_.rows.size()));
        if (is_new) {
            fg_rule_row row{};
            for (std::size_t word = 0; word < bits.size(); word++) {
                row.word[word] = bits.at(word);
                row.summary |= bits.at(word) ? 1ULL << word : 0;
            }
            result_.rows.push_back(row);
        }
        return found->second;
    }

    /// Of packets that do not have the field.
    template <class Condition> std::uint16_t row_without(fg_rule_field field, Condition condition)
    {
        const Bits bits = bits_of(condition);
        use(field, bits);
        return row_of(bits);
    }

    void use(fg_rule_field field, const Bits &bits)
    {
        if (bits != all_)
            result_.half->fields |= 1U << field;
    }

    void compile_path()
    {
        for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
            for (const auto direction : {FG_RX, FG_TX}) {
                const Bits bits = bits_of(
                    [&](const fg_match &match) { return matches_path(match, interfaces_.at(slot), direction); });
                result_.half->path[slot * FG_DIRECTIONS + direction] = row_of(bits);
                use(FG_FIELD_PATH, bits);
            }
    }

    /// For fields of few values.
    template <std::size_t values, class Condition>
    void compile_each(fg_rule_field field, std::uint16_t (&rows)[values], Condition condition)
    {
        for (std::size_t value = 0; value < values; value++) {
            const Bits bits = bits_of([&](const fg_match &match) { return condition(match, value); });
            rows[value] = row_of(bits);
            use(field, bits);
        }
    }

    /// For ports and lengths: rows change only where some rule's range begins or has ended.
    template <class Get> void compile_ranges(fg_rule_field field, std::uint16_t (&rows)[65536], Get get)
    {
        struct Change {
            std::vector<std::size_t> begin, end;
        };
        std::map<std::uint32_t, Change> changes{{0, {}}};
        for (std::size_t i = 0; i < rules_.size(); i++) {
            const fg_range range = get(rules_[i]->match);
            changes[range.first].begin.push_back(i);
            changes[range.last + 1U].end.push_back(i);
        }
        Bits bits{};
        for (auto change = changes.begin(); change != changes.end(); ++change) {
            for (const std::size_t i : change->second.end)
                bits.at(i / 64) &= ~(1ULL << (i % 64));
            for (const std::size_t i : change->second.begin)
                bits.at(i / 64) |= 1ULL << (i % 64);
            const std::uint32_t first = change->first;
            const std::uint32_t end = std::next(change) == changes.end() ? 65536 : std::next(change)->first;
            if (first >= 65536)
                break;
            std::fill(rows + first, rows + end, row_of(bits));
            use(field, bits);
        }
    }

    /// Those of rules that name no address, or the whole of a family.
    Bits any_of_family(std::uint8_t family) const
    {
        return bits_of([family](const fg_match &match) {
            return match.remote.bits == 0 && (match.family == FG_FAMILY_ANY || match.family == family);
        });
    }

    void compile_addresses()
    {
        const Bits any_v4 = any_of_family(FG_FAMILY_V4);
        const Bits any_v6 = any_of_family(FG_FAMILY_V6);
        result_.half->any_v4 = row_of(any_v4);
        result_.half->any_v6 = row_of(any_v6);
        use(FG_FIELD_ADDRESS, any_v4);
        use(FG_FIELD_ADDRESS, any_v6);
        std::set<IpPrefix> prefixes;
        for (const fg_rule *rule : rules_)
            if (const auto remote = remote_of(rule->match))
                prefixes.insert(*remote);
        for (const IpPrefix &prefix : prefixes)
            result_.addresses.emplace_back(prefix, row_of(bits_of_prefix(prefix)));
    }

    Bits bits_of_prefix(const IpPrefix &prefix) const
    {
        const bool v4 = prefix.first().is_v4() && prefix.bits() >= mapped_v4_bits;
        return bits_of([&](const fg_match &match) {
            if (match.family != FG_FAMILY_ANY && (match.family == FG_FAMILY_V4) != v4)
                return false;
            const auto remote = remote_of(match);
            return !remote || (remote->bits() <= prefix.bits() && remote->contains(prefix.first()));
        });
    }

    const InterfaceNames &interfaces_;
    std::vector<const fg_rule *> rules_; ///< in their order
    Bits all_{};
    std::map<Bits, std::uint16_t> numbers_;
    RuleRows result_;
};

} // namespace

RuleRows make_rule_rows(std::span<const fg_rule> slots, const InterfaceNames &interfaces)
{
    return Compiler(slots, interfaces).compile();
}

} // namespace flowguard
