// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/known_flows.h"
#include "flowguard/core/overflow.h"
#include "flowguard/core/sketch.h"

#include "records.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace flowguard::test {
namespace {

HashKeys keys(std::uint64_t seed)
{
    std::mt19937_64 random(seed);
    HashKeys made;
    for (auto &key : made)
        key = random();
    return made;
}

/// Sketches are large for a stack under sanitizers.
std::unique_ptr<Sketch> of_consecutive(std::uint32_t first, std::uint32_t count, const HashKeys &hash_keys)
{
    auto sketch = std::make_unique<Sketch>();
    for (std::uint32_t i = first; i < first + count; i++) {
        std::uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        for (int byte = 0; byte < 4; byte++)
            address[12 + byte] = static_cast<std::uint8_t>(i >> (24 - 8 * byte));
        sketch->note(address, hash_keys);
    }
    return sketch;
}

TEST(Sketch, CountsWithinFivePerCentAtAnySize)
{
    EXPECT_EQ(Sketch().estimate(), 0U);
    for (const std::uint64_t seed : {1, 2, 3})
        for (const std::uint32_t count : {1U, 10U, 1'000U, 10'000U, 30'000U, 1'000'000U})
            EXPECT_NEAR(static_cast<double>(of_consecutive(0x0a000000, count, keys(seed))->estimate()), count,
                        count * 0.05)
                << "seed " << seed;
}

TEST(Sketch, JoinsToTheUnion)
{
    const HashKeys hash_keys = keys(4);
    const auto sum = of_consecutive(0, 20'000, hash_keys);
    fg_overflow_entry entry{};
    for (std::uint32_t i = 10'000; i < 30'000; i++) {
        const std::uint8_t address[16] = {0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0xff,
                                          0xff,
                                          0,
                                          static_cast<std::uint8_t>(i >> 16),
                                          static_cast<std::uint8_t>(i >> 8),
                                          static_cast<std::uint8_t>(i)};
        const std::uint64_t hash = fg_address_hash(address, hash_keys.data());
        std::uint8_t &least = entry.registers[fg_sketch_register(hash)];
        least = std::max(least, fg_sketch_rank(hash));
    }
    sum->join(entry.registers);
    EXPECT_NEAR(static_cast<double>(sum->estimate()), 30'000, 1'500);
}

TEST(Sketch, RanksByTrailingZeros)
{
    EXPECT_EQ(fg_sketch_rank(1ULL << 13), 1);
    EXPECT_EQ(fg_sketch_rank(1ULL << 14), 2);
    EXPECT_EQ(fg_sketch_rank(1ULL << 63), 51);
    EXPECT_EQ(fg_sketch_rank(0), 52);
    EXPECT_EQ(fg_sketch_rank(0x1fff), 52) << "the register's bits do not count";
}

struct OverflowTableTest : testing::Test {
    static fg_overflow_entry entry(const Record &record, std::uint64_t packets)
    {
        fg_overflow_entry made{};
        made.key = fg_overflow_service(&record.value.key, FG_RX);
        made.packets = packets;
        made.bytes = packets * 60;
        return made;
    }
    RateClock clock;
    OverflowTable table;
    Record to_web{"198.18.0.1", 1000, "10.0.0.2", 80};
};

TEST_F(OverflowTableTest, AddsUpOverCpusAndTicksUntilItIsIdle)
{
    for (int tick = 0; tick < 3; tick++) {
        clock.advance(1);
        table.add(entry(to_web, 100), FG_RX, noon + tick * second, clock);
        table.add(entry(to_web, 50), FG_RX, noon + tick * second, clock);
        table.end_tick(noon + tick * second);
    }
    ASSERT_EQ(table.active().size(), 1U);
    const OverflowAggregate sum = table.active().front();
    EXPECT_EQ(sum.volume, (Volume{450, 27'000}));
    EXPECT_EQ(sum.start, noon);
    EXPECT_EQ(sum.last, noon + 2 * second);
    EXPECT_DOUBLE_EQ(sum.packets.rates(clock).over_2s, 150);
    table.end_tick(noon + 61 * second);
    EXPECT_FALSE(table.empty());
    table.end_tick(noon + 62 * second);
    EXPECT_TRUE(table.empty());
}

TEST_F(OverflowTableTest, SourcesOfRecordedFlowsCountForTheirTarget)
{
    clock.advance(1);
    const HashKeys hash_keys = keys(5);
    table.add(entry(to_web, 100), FG_RX, noon, clock);
    for (int i = 1; i <= 9; i++) {
        table.note(Record("192.0.2." + std::to_string(i), 1000, "10.0.0.2", 80).value, FG_RX, hash_keys);
        table.note(Record("192.0.3." + std::to_string(i), 1000, "10.0.0.2", 443).value, FG_RX, hash_keys);
    }
    EXPECT_EQ(table.active().front().remotes, 9U);
    EXPECT_EQ(table.active().front().volume.packets, 100U);
}

TEST_F(OverflowTableTest, IsBounded)
{
    clock.advance(1);
    for (int i = 0; i < 3000; i++)
        table.add(entry(Record("198.18.0.1", 1, "10.0.0.2", static_cast<std::uint16_t>(i)), 1), FG_RX, noon + i, clock);
    const auto kept = table.active();
    EXPECT_EQ(kept.size(), 1024U);
    for (const OverflowAggregate &each : kept)
        EXPECT_GE(each.port, 3000 - 1024) << "the ones that were idle for longest went";
}

TEST_F(OverflowTableTest, ForgetsAnInterfaceThatIsDetachedAndKeepsWhatIsOfNone)
{
    clock.advance(1);
    fg_overflow_entry rest{};
    rest.key.level = FG_OVERFLOW_REST;
    rest.packets = 9;
    table.add(rest, FG_RX, noon, clock);
    table.add(entry(to_web, 1), FG_RX, noon, clock);
    table.add(entry(Record(to_web).slot(7), 1), FG_RX, noon, clock);
    table.drop_slot(7);
    EXPECT_EQ(table.active().size(), 2U);
    table.drop_slot(0);
    ASSERT_EQ(table.active().size(), 1U);
    EXPECT_EQ(table.active().front().level, FG_OVERFLOW_REST);
}

TEST(KnownFlows, KnowsWhatWasAddedAndLittleElse)
{
    KnownFlows known(65536, keys(6));
    const auto key = [](unsigned i) {
        return Record("10.0.0.1", static_cast<std::uint16_t>(i), "10.0.0.2", static_cast<std::uint16_t>(i >> 16))
            .value.key;
    };
    constexpr unsigned flows = 20'000;
    for (unsigned i = 0; i < flows; i++)
        known.add(key(i));
    unsigned wrong = 0;
    for (unsigned i = 0; i < flows; i++) {
        EXPECT_TRUE(known.contains(key(i)));
        wrong += known.contains(key(i + flows)) ? 1 : 0;
    }
    EXPECT_LT(wrong, flows / 200) << "false positives of 2 bits in 100 a key: 0.04 %, and some for crowded lines";
    known.clear();
    EXPECT_FALSE(known.contains(key(0)));
}

} // namespace
} // namespace flowguard::test
