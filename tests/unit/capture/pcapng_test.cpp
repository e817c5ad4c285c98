// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const Bytes frame{1, 2, 3, 4, 5};
constexpr TimeNs second = 1'000'000'000;

TimeNs time_of(const Bytes &options, std::uint64_t units)
{
    const Read read = read_all(File().section().interface(1, options).enhanced(0, units, frame, 5).bytes);
    EXPECT_EQ(read.packets.size(), 1U);
    return read.packets.empty() ? -1 : read.packets[0].time.value();
}

TEST(Pcapng, SectionsInBothByteOrdersWithInterfacesOfDifferentLinks)
{
    Bytes bytes = File().section().interface(1).interface(101).enhanced(1, 5, frame, 60).enhanced(0, 6, frame, 5).bytes;
    const Bytes second_section = File(true).section().interface(113).enhanced(0, 7, frame, 5).bytes;
    bytes.insert(bytes.end(), second_section.begin(), second_section.end());
    const Read read = read_all(bytes);
    ASSERT_EQ(read.packets.size(), 3U);
    EXPECT_EQ(read.packets[0].link_type, 101U);
    EXPECT_EQ(read.packets[0].length, 60U);
    EXPECT_EQ(read.packets[1].link_type, 1U);
    EXPECT_EQ(read.packets[2].link_type, 113U);
    EXPECT_EQ(read.packets[2].time, 7'000);
    EXPECT_EQ(read.packets[2].frame, frame);
    EXPECT_EQ(read.link_types, (std::vector<std::uint32_t>{1, 101, 113}));
    EXPECT_EQ(read.damage, "");
}

TEST(Pcapng, ResolutionsOfTime)
{
    const File file;
    const auto resolution = [&](unsigned value) { return file.option(9, File().u8(value)); };
    EXPECT_EQ(time_of({}, 1'500'000), 3 * second / 2) << "microseconds unless it says otherwise";
    EXPECT_EQ(time_of(resolution(0), 7), 7 * second);
    EXPECT_EQ(time_of(resolution(3), 1'500), 3 * second / 2);
    EXPECT_EQ(time_of(resolution(9), 1'500'000'001), 3 * second / 2 + 1);
    EXPECT_EQ(time_of(resolution(12), 1'500'000'001'000), 3 * second / 2 + 1);
    EXPECT_EQ(time_of(resolution(0x80 | 10), 1536), 3 * second / 2);
    EXPECT_EQ(time_of(resolution(0x80 | 40), (3ULL << 40) / 2), 3 * second / 2);
    EXPECT_EQ(time_of(resolution(0x80 | 127), ~0ULL), 2 * second - 1) << "2^-63 is the finest that can be told apart";
    EXPECT_EQ(time_of(resolution(127), ~0ULL), second + 844'674'407);
}

TEST(Pcapng, OffsetsOfTime)
{
    const auto offset = [](std::int64_t seconds) {
        return File().option(14, File().u64(static_cast<std::uint64_t>(seconds)));
    };
    EXPECT_EQ(time_of(offset(1000), 500'000), 1000 * second + second / 2);
    EXPECT_EQ(time_of(offset(-5), 6'000'000), second);
    EXPECT_EQ(time_of(offset(-5), 4'000'000), 0) << "before 1970";
    EXPECT_EQ(time_of(offset(INT64_MAX), ~0ULL), 9'000'000'000 * second + 551'615 * 1000) << "as late as it gets";
}

TEST(Pcapng, SimpleAndOldPackets)
{
    File file;
    file.section().interface(1, {}, 4);
    file.block(3, file.body().u32(100).add(frame));                                    /* cut at 4 by the interface */
    file.block(2, file.body().u16(0).u16(99).u32(0).u32(8).u32(5).u32(70).add(frame)); /* 99 drops */
    file.block(0x0bad, file.body().u32(1))
        .block(5, file.body().u32(0))
        .block(10, file.body()); /* not known, or no packets */
    file.enhanced(0, 9, frame, 5);
    const Read read = read_all(file.bytes);
    ASSERT_EQ(read.packets.size(), 3U);
    EXPECT_EQ(read.packets[0].time, std::nullopt);
    EXPECT_EQ(read.packets[0].frame, (Bytes{1, 2, 3, 4}));
    EXPECT_EQ(read.packets[0].length, 100U);
    EXPECT_EQ(read.packets[1].time, 8'000);
    EXPECT_EQ(read.packets[1].length, 70U);
    EXPECT_EQ(read.packets[2].time, 9'000);
    EXPECT_EQ(read.damage, "");
}

TEST(Pcapng, MalformedPacketsArePassedOver)
{
    File file;
    file.section().interface(1);
    file.enhanced(5, 1, frame, 5); /* of an interface that there is not */
    file.block(6, file.body().u32(0).u32(0).u32(2).u32(1000).u32(1000).add(frame));
    file.enhanced(0, 3, frame, 5);
    const Read read = read_all(file.bytes);
    ASSERT_EQ(read.packets.size(), 1U);
    EXPECT_EQ(read.packets[0].time, 3'000);
    EXPECT_NE(read.damage.find("packet 1"), std::string::npos) << read.damage;
}

TEST(Pcapng, DamagedBlocks)
{
    const Bytes good = File().section().interface(1).enhanced(0, 1, frame, 5).bytes;
    for (const std::uint64_t length : {0U, 8U, 13U, 0xfffffffcU}) {
        const Read read = read_all(File().add(good).u32(6).u32(length).u32(0).u32(0).bytes);
        EXPECT_EQ(read.packets.size(), 1U) << length;
        EXPECT_NE(read.damage, "") << length;
    }
    const Read section = read_all(File().add(good).block(0x0a0d0d0a, File().u32(0)).bytes);
    EXPECT_EQ(section.packets.size(), 1U);
    EXPECT_NE(section.damage.find("byte order"), std::string::npos);
}

TEST(Pcapng, WhatIsCutGivesAllBefore)
{
    const Bytes whole = File().section().interface(1).enhanced(0, 1, frame, 5).enhanced(0, 2, frame, 5).bytes;
    const std::size_t packet = 12 + 20 + 8;
    for (std::size_t length = 12; length <= whole.size(); length++) {
        const Read read = read_all(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        EXPECT_EQ(read.error, "");
        EXPECT_EQ(read.packets.size(), length == whole.size()            ? 2U
                                       : length >= whole.size() - packet ? 1U
                                                                         : 0U)
            << length;
    }
}

TEST(Pcapng, NoPacketsAreNoDamage)
{
    const Read read = read_all(File().section().bytes);
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.damage, "");
    EXPECT_TRUE(read.packets.empty());
}

} // namespace
} // namespace flowguard::test
