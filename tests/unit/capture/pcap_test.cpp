// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const Bytes frame{1, 2, 3, 4, 5};
constexpr TimeNs second = 1'000'000'000;

TEST(Pcap, TimesInEachVariantAndByteOrder)
{
    for (const bool big : {false, true}) {
        const Read micro = read_all(File(big).pcap(0xa1b2c3d4, 1).record(10, 5, frame, 100).bytes);
        ASSERT_EQ(micro.packets.size(), 1U);
        EXPECT_EQ(micro.packets[0].time, 10 * second + 5'000);
        EXPECT_EQ(micro.packets[0].frame, frame);
        EXPECT_EQ(micro.packets[0].length, 100U);
        EXPECT_EQ(micro.damage, "");
        const Read nano = read_all(File(big).pcap(0xa1b23c4d, 113).record(10, 5, frame, 5).bytes);
        ASSERT_EQ(nano.packets.size(), 1U);
        EXPECT_EQ(nano.packets[0].time, 10 * second + 5);
        EXPECT_EQ(nano.packets[0].link_type, 113U);
        EXPECT_EQ(nano.link_types, std::vector<std::uint32_t>{113});
    }
}

TEST(Pcap, LongerRecordsOfOldLinux)
{
    const Bytes bytes =
        File().pcap(0xa1b2cd34, 1).u32(7).u32(1).u32(5).u32(60).u64(0x1122334455667788).add(frame).bytes;
    const Read read = read_all(bytes);
    ASSERT_EQ(read.packets.size(), 1U);
    EXPECT_EQ(read.packets[0].frame, frame);
    EXPECT_EQ(read.packets[0].length, 60U);
}

TEST(Pcap, TheLinkTypeStandsBesideTheLengthOfTheChecksum)
{
    EXPECT_EQ(read_all(File().pcap(0xa1b2c3d4, 0x24000001).bytes).link_types, std::vector<std::uint32_t>{1});
}

TEST(Pcap, AllTimesOfFourBytes)
{
    const Read read = read_all(
        File().pcap(0xa1b2c3d4, 1).record(0, 0, frame, 5).record(0xffffffff, 0xffffffff, frame, 5).bytes);
    ASSERT_EQ(read.packets.size(), 2U);
    EXPECT_EQ(read.packets[0].time, 0);
    EXPECT_EQ(read.packets[1].time, 0x100000000 * second - 1) << "a fraction of more than a second is cut: 2106";
}

TEST(Pcap, WhatIsCutGivesAllBefore)
{
    const Bytes whole = File().pcap(0xa1b2c3d4, 1).record(1, 0, frame, 5).record(2, 0, frame, 5).bytes;
    const std::size_t first_end = 24 + 16 + frame.size();
    for (std::size_t length = 24; length <= whole.size(); length++) {
        const Read read = read_all(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        EXPECT_EQ(read.error, "");
        EXPECT_EQ(read.packets.size(), length < first_end ? 0U : length < whole.size() ? 1U : 2U) << length;
        const bool clean = length == 24 || length == first_end || length == whole.size();
        EXPECT_EQ(read.damage.empty(), clean) << length << ": " << read.damage;
    }
}

TEST(Pcap, AbsurdLengths)
{
    const Read read = read_all(File()
                                   .pcap(0xa1b2c3d4, 1)
                                   .record(1, 0, frame, 5)
                                   .u32(2)
                                   .u32(0)
                                   .u32(0xfffffff0)
                                   .u32(0xfffffff0)
                                   .add(frame)
                                   .bytes);
    EXPECT_EQ(read.packets.size(), 1U);
    EXPECT_EQ(read.damage, "packet 2 at byte 45 claims to be 4294967280 bytes long");
    const Read original = read_all(File().pcap(0xa1b2c3d4, 1).record(1, 0, frame, 0xffffffff).bytes);
    ASSERT_EQ(original.packets.size(), 1U);
    EXPECT_EQ(original.packets[0].length, 5U) << "nobody sends frames of 4 GiB";
}

TEST(Pcap, CarelessOriginalLengthsLoseNothing)
{
    const Read read = read_all(File().pcap(0xa1b2c3d4, 1).record(1, 0, frame, 0).record(2, 0, frame, 3).bytes);
    EXPECT_EQ(read.damage, "");
    ASSERT_EQ(read.packets.size(), 2U);
    EXPECT_EQ(read.packets[0].length, 5U);
    EXPECT_EQ(read.packets[1].length, 5U);
}

TEST(Pcap, BytesComeInAnyPieces)
{
    File file;
    file.pcap(0xa1b2c3d4, 1);
    for (std::uint32_t i = 0; i < 50; i++)
        file.record(i, 0, Bytes(i * 31, static_cast<std::uint8_t>(i)), i * 31);
    for (const std::size_t at_once : {1U, 7U, 100'000U}) {
        const Read read = read_all(file.bytes, at_once);
        ASSERT_EQ(read.packets.size(), 50U);
        EXPECT_EQ(read.packets[49].frame, Bytes(49 * 31, 49));
        EXPECT_EQ(read.damage, "");
    }
}

TEST(Pcap, WhatIsNoCaptureIsNamed)
{
    EXPECT_EQ(read_all({}).error, "it is empty");
    EXPECT_EQ(read_all(Bytes(100, 'x')).error, "it is neither a pcap nor a pcapng file");
    EXPECT_EQ(read_all({0xd4, 0xc3, 0xb2, 0xa1}).error, "it is neither a pcap nor a pcapng file")
        << "a header that is cut";
    EXPECT_NE(read_all({0x28, 0xb5, 0x2f, 0xfd, 0, 0}).error.find("zstd"), std::string::npos);
}

} // namespace
} // namespace flowguard::test
