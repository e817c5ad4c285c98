// SPDX-License-Identifier: Apache-2.0
/* The blocklist at scale: prefixes, many entries, and the gate in front of it. */
#include "datapath.h"

#include "flowguard/kernel/gate.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <bit>

#include <cstdio>
#include <linux/bpf.h>
#include <sys/utsname.h>

namespace flowguard::test {
namespace {

struct BlocklistTest : DatapathTest {
    void SetUp() override
    {
        DatapathTest::SetUp();
        load();
        blocks.emplace(*maps_);
    }

    static BlockRequest request(const std::string &target, std::uint32_t directions = FG_BLOCK_IN | FG_BLOCK_OUT,
                                std::optional<std::chrono::seconds> lifetime = {})
    {
        return {.target = IpPrefix::parse(target).value(),
                .directions = directions,
                .lifetime = lifetime,
                .reason = "",
                .uid = 0};
    }
    bool unblock(const std::string &target) { return blocks->remove(target, boot_time_ns())->changed; }

    bool drops(const char *source)
    {
        const bool v6 = std::string_view(source).contains(':');
        const Packet packet = v6 ? Packet().ethernet(0x86dd).ipv6(source, "fd00::2", 17).udp(1, 2)
                                 : Packet().ethernet(0x0800).ipv4(source, "10.0.0.2", 17).udp(1, 2);
        return run_xdp(packet) == XDP_DROP;
    }
    /// Bits of the gate that are set.
    std::size_t open_bits()
    {
        std::size_t bits = 0;
        for (std::uint32_t at = 0; at < FG_GATE_LINES; at++) {
            fg_gate_line line{};
            EXPECT_EQ(bpf_map_lookup_elem(maps_->fd("fg_gate"), &at, &line), 0);
            for (const std::uint64_t word : line.word)
                bits += static_cast<std::size_t>(std::popcount(word));
        }
        return bits;
    }
    std::size_t count() { return blocks->list(boot_time_ns())->size(); }

    std::optional<Blocklist> blocks;
};

TEST_F(BlocklistTest, APrefixCoversItsAddressesAndNoOthers)
{
    for (const char *prefix : {"198.51.100.64/26", "203.0.0.0/8", "2001:db8:1::/48", "2a00::/12", "2001:db8:2:3::/64"})
        block(prefix);
    for (const char *inside : {"198.51.100.64", "198.51.100.127", "203.255.255.255", "2001:db8:1:ffff::1",
                               "2a0f:ffff::1", "2001:db8:2:3::9"})
        EXPECT_TRUE(drops(inside)) << inside;
    for (const char *outside : {"198.51.100.63", "198.51.100.128", "202.255.255.255", "204.0.0.0", "2001:db8:0:ffff::1",
                                "2a10::1", "2001:db8:2:4::9"})
        EXPECT_FALSE(drops(outside)) << outside;
    EXPECT_TRUE(unblock("203.0.0.0/8"));
    EXPECT_TRUE(unblock("2a00::/12"));
    EXPECT_FALSE(drops("203.1.2.3"));
    EXPECT_FALSE(drops("2a0f:ffff::1"));
    EXPECT_TRUE(drops("198.51.100.64"));
    EXPECT_EQ(count(), 3U);
}

TEST_F(BlocklistTest, EverythingOfIpv4LeavesIpv6Alone)
{
    block("0.0.0.0/0");
    EXPECT_TRUE(drops("192.0.2.1"));
    EXPECT_FALSE(drops("2001:db8::1"));
    EXPECT_TRUE(unblock("0.0.0.0/0"));
    EXPECT_FALSE(drops("192.0.2.1"));
}

TEST_F(BlocklistTest, AnInnerPrefixThatDoesNotApplyHidesNoOuterOne)
{
    block("10.0.0.0/8");
    block("10.1.0.0/16", FG_BLOCK_OUT);
    block("10.1.2.0/24", FG_BLOCK_IN, std::chrono::seconds(1));
    block("10.1.2.3", FG_BLOCK_OUT);
    EXPECT_TRUE(drops("10.1.2.3"));
    usleep(1'100'000);
    EXPECT_TRUE(drops("10.1.2.3")) << "the /24 has expired, the /16 and the host are outwards, the /8 stands";
    EXPECT_TRUE(unblock("10.0.0.0/8"));
    EXPECT_FALSE(drops("10.1.2.3"));
}

TEST_F(BlocklistTest, HitsCountOnTheMostPreciseEntry)
{
    block("192.0.2.0/24");
    block("192.0.2.7");
    drops("192.0.2.7");
    drops("192.0.2.8");
    drops("192.0.2.9");
    const auto list = blocks->list(boot_time_ns());
    ASSERT_EQ(list->size(), 2U);
    EXPECT_EQ(list->at(0).target.to_string(), "192.0.2.0/24");
    EXPECT_EQ(list->at(0).entry.packets, 2U);
    EXPECT_EQ(list->at(1).entry.packets, 1U);
}

TEST_F(BlocklistTest, ManyAtOnceAndAllOfThemWork)
{
    std::vector<BlockRequest> many;
    for (unsigned i = 0; i < 20'000; i++)
        many.push_back(request(fmt::format("100.{}.{}.{}", 64 + i / 16384, i / 128 % 128, i % 128 * 2)));
    for (unsigned i = 0; i < 1'000; i++)
        many.push_back(request(fmt::format("101.{}.{}.0/24", i / 250, i % 250)));
    for (unsigned i = 0; i < 1'000; i++)
        many.push_back(request(fmt::format("2001:db8:{:x}::/48", i)));
    ASSERT_TRUE(blocks->add_all(many, boot_time_ns(), real_time_ns()));
    EXPECT_EQ(count(), many.size());
    EXPECT_EQ(maps_->control().hosts, 20'000U);
    EXPECT_EQ(maps_->control().prefixes, 2'000U);
    for (unsigned i = 0; i < many.size(); i += 97)
        EXPECT_TRUE(drops(many[i].target.first().to_string().c_str())) << many[i].target.to_string();
    EXPECT_FALSE(drops("100.64.0.1"));
    EXPECT_FALSE(drops("101.4.0.1"));
    EXPECT_FALSE(drops("2001:db8:ffff::1"));
    /* As often as it takes to make the gate anew. */
    for (unsigned i = 0; i < 8'000; i++)
        ASSERT_TRUE(unblock(many[i].target.to_string()));
    EXPECT_LT(maps_->control().gate_stale, 8'000U);
    for (unsigned i = 0; i < many.size(); i += 97)
        EXPECT_EQ(drops(many[i].target.first().to_string().c_str()), i >= 8'000) << many[i].target.to_string();
}

TEST_F(BlocklistTest, TheGateClosesBehindTheLastEntry)
{
    const std::vector<std::string> targets{"192.0.2.7", "198.51.0.0/16", "2001:db8::7", "2a00::/20"};
    for (const std::string &target : targets)
        block(target);
    EXPECT_EQ(open_bits(), 1U + 256 + 1 + 16);
    for (const std::string &target : targets)
        EXPECT_TRUE(unblock(target));
    EXPECT_EQ(open_bits(), 0U);
}

TEST_F(BlocklistTest, AFullListIsAnErrorAndStaysAsItIs)
{
    maps_->control().max_blocks = 2;
    block("192.0.2.1");
    block("192.0.2.2");
    const auto added = blocks->add(request("192.0.2.3"), boot_time_ns(), real_time_ns());
    ASSERT_FALSE(added);
    EXPECT_TRUE(added.error().message.contains("full")) << added.error().message;
    const std::vector<BlockRequest> three{request("192.0.2.4"), request("192.0.2.5"), request("192.0.2.6")};
    EXPECT_FALSE(blocks->add_all(three, boot_time_ns(), real_time_ns()));
    EXPECT_EQ(count(), 2U);
    EXPECT_FALSE(drops("192.0.2.4"));
    EXPECT_TRUE(blocks->add(request("192.0.2.2", FG_BLOCK_IN), boot_time_ns(), real_time_ns())) << "it is there";
}

TEST_F(BlocklistTest, AReblockKeepsItsIdAndItsReason)
{
    BlockRequest first = request("192.0.2.7", FG_BLOCK_IN, std::chrono::seconds(60));
    first.reason = "scan";
    const auto id = blocks->add(first, boot_time_ns(), real_time_ns())->id;
    const auto again = blocks->add(request("192.0.2.7"), boot_time_ns(), real_time_ns());
    EXPECT_TRUE(again->changed);
    EXPECT_EQ(again->id, id);
    const auto list = blocks->list(boot_time_ns());
    EXPECT_STREQ(list->front().entry.reason, "scan");
    EXPECT_EQ(list->front().entry.expires_boot_ns, 0U);
    EXPECT_EQ(list->front().entry.directions, FG_BLOCK_IN | FG_BLOCK_OUT);
}

/* A writer may die between any two of its steps; the successor makes counts and gate agree with the lists. */
TEST_F(BlocklistTest, ASuccessorMendsCountsAndGate)
{
    block("192.0.2.7");
    block("198.51.100.0/24");
    maps_->control().hosts = 9;
    maps_->control().prefixes = 0;
    Gate::open(*maps_)->rebuild({});
    ASSERT_FALSE(drops("192.0.2.7"));
    ASSERT_TRUE(blocks->recover());
    EXPECT_EQ(maps_->control().hosts, 1U);
    EXPECT_EQ(maps_->control().prefixes, 1U);
    EXPECT_TRUE(drops("192.0.2.7"));
    EXPECT_TRUE(drops("198.51.100.9"));
}

TEST_F(BlocklistTest, TheFormulaForMemoryAgreesWithTheKernel)
{
    const std::uint64_t measured = maps_->measured_memory_bytes();
    utsname kernel{};
    ASSERT_EQ(uname(&kernel), 0);
    unsigned major = 0;
    unsigned minor = 0;
    ASSERT_EQ(std::sscanf(kernel.release, "%u.%u", &major, &minor), 2);
    if (major < 6 || (major == 6 && minor < 4))
        GTEST_SKIP() << "Linux before 6.4 does not measure its maps, it estimates as if they were full";
    EXPECT_NEAR(static_cast<double>(maps_->memory_bytes()), static_cast<double>(measured),
                static_cast<double>(measured) * 0.05);
}

} // namespace
} // namespace flowguard::test
