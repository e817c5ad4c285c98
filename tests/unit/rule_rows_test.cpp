// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rule_rows.h"

#include "flowguard/core/rule_match.h"
#include "random_rules.h"

#include <gtest/gtest.h>

#include <bit>

namespace flowguard::test {
namespace {

/// What the kernel program does, in the simplest words: the row of each field that is used, and the first bit of their AND.
std::optional<std::uint32_t> first_by_rows(const RuleRows &made, const RulePacket &packet, std::uint32_t slot)
{
    const fg_rule_half &half = *made.half;
    const fg_flow_key &key = packet.key;
    const bool no_ports = key.flags & FG_KEY_NO_PORTS;
    std::uint32_t address = key.kind == FG_KIND_IPV4 ? half.any_v4 : half.any_v6;
    unsigned longest = 0;
    for (const auto &[prefix, row] : made.addresses)
        if (prefix.bits() >= longest && prefix.contains(IpAddress(packet.direction == FG_RX ? key.src : key.dst))) {
            longest = prefix.bits();
            address = row;
        }
    const std::array<std::uint32_t, FG_FIELDS> rows{half.path[slot * FG_DIRECTIONS + packet.direction],
                                                    address,
                                                    half.proto[key.proto],
                                                    no_ports ? half.no_sport : half.sport[key.sport],
                                                    no_ports ? half.no_dport : half.dport[key.dport],
                                                    no_ports     ? half.no_tcp_flags
                                                    : packet.cut ? half.cut_tcp_flags
                                                                 : half.tcp_flags[packet.tcp_flags],
                                                    half.length[std::min(packet.length, 65535U)]};
    for (std::uint32_t word = 0; word < FG_RULE_WORDS; word++) {
        std::uint64_t bits = ~0ULL;
        for (std::uint32_t field = 0; field < FG_FIELDS; field++) {
            const fg_rule_row &row = made.rows.at(half.fields >> field & 1 ? rows.at(field) : FG_ALL_RULES);
            EXPECT_EQ(row.summary >> word & 1, row.word[word] != 0);
            bits &= row.word[word];
        }
        if (bits != 0)
            return half.order[word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits))];
    }
    return {};
}

std::optional<std::uint32_t> first_one_by_one(std::span<const fg_rule> slots, const RulePacket &packet)
{
    for (const std::uint16_t slot : rule_order(slots))
        if (matches(slots[slot], packet))
            return slot;
    return {};
}

TEST(RuleRows, AgreeWithAskingOneRuleAfterTheOther)
{
    for (const unsigned count : {0U, 1U, 3U, 64U, 65U, 300U, 1024U}) {
        RandomRules random(count + 1);
        const std::vector<fg_rule> slots = random.rules(count);
        const RuleRows made = make_rule_rows(slots, random.interfaces());
        EXPECT_EQ(made.half->count, count);
        EXPECT_LE(made.rows.size(), FG_RULE_ROWS);
        unsigned found = 0;
        for (int i = 0; i < 5'000; i++) {
            const auto [packet, slot] = random.packet(slots);
            const auto expected = first_one_by_one(slots, packet);
            ASSERT_EQ(first_by_rows(made, packet, slot), expected) << "of " << count << " rules";
            found += expected.has_value();
        }
        if (count > 0) {
            EXPECT_GT(found, 50U) << "or nothing was compared";
        }
    }
}

TEST(RuleRows, HaveRoomForTheWorst)
{
    std::vector<fg_rule> slots(FG_MAX_RULES);
    for (std::uint32_t i = 0; i < slots.size(); i++) {
        fg_rule &rule = slots[i];
        rule.id = i + 1;
        rule.action = FG_RULE_BLOCK;
        fg_match &match = rule.match;
        match.directions = i % 2 ? FG_BLOCK_IN : FG_BLOCK_OUT;
        match.conditions = FG_MATCH_SPORT | FG_MATCH_DPORT;
        /* Each overlaps the next, in another order for each field, so that no row serves twice. */
        const auto range = [](std::uint32_t number) {
            const std::uint32_t first = number % FG_MAX_RULES * 60 + 10;
            return fg_range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + 90)};
        };
        match.sport = range(i);
        match.dport = range(i * 7);
        match.length = range(i * 11);
        match.remote.bits = 128;
        const IpAddress address = IpAddress::parse(fmt::format("2001:db8::{:x}", i)).value();
        std::ranges::copy(address.bytes(), match.remote.bytes);
        match.family = FG_FAMILY_V6;
    }
    const RuleRows made = make_rule_rows(slots, {});
    EXPECT_LE(made.rows.size(), FG_RULE_ROWS);
    EXPECT_GT(made.rows.size(), 4'000U);
    EXPECT_LE(made.addresses.size(), FG_RULE_ADDRESSES);
}

TEST(RuleRows, LowerPrioritiesComeFirstAndThenOlderRules)
{
    std::vector<fg_rule> slots(5);
    for (std::uint32_t i = 0; i < 4; i++) {
        slots[i].id = 10 - i;
        slots[i].action = FG_RULE_BLOCK;
        slots[i].priority = i < 2 ? 200 : 100;
    }
    EXPECT_EQ(rule_order(slots), (std::vector<std::uint16_t>{3, 2, 1, 0}));
    EXPECT_EQ(make_rule_rows(slots, {}).half->early, 2U) << "before the blocklist";
    slots[3].action = FG_RULE_NONE;
    EXPECT_EQ(rule_order(slots), (std::vector<std::uint16_t>{2, 1, 0})) << "one that is being removed is none";
}

} // namespace
} // namespace flowguard::test
