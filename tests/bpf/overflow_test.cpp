// SPDX-License-Identifier: Apache-2.0
/* What finds no record: exact aggregates, distinct addresses, and records kept for known flows. */
#include "datapath.h"
#include "flow_sums.h"

#include "flowguard/core/known_flows.h"
#include "flowguard/core/overflow.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard::test {
namespace {

struct OverflowTest : DatapathTest {
    void SetUp() override
    {
        DatapathTest::SetUp();
        stay_on_this_cpu(); /* one table is to fill up, not one for each CPU that happens to run the test */
    }

    static Packet syn(unsigned source, std::uint16_t port = 80, const char *to = "10.0.0.2")
    {
        const auto from = fmt::format("198.{}.{}.{}", 18 + (source >> 16), source >> 8 & 255, source & 255);
        return Packet().ethernet(0x0800).ipv4(from.c_str(), to, 6).tcp(1000, port, 0x02).zeros(6);
    }

    static Packet answer(std::uint16_t port)
    {
        return Packet().ethernet(0x0800).ipv4("192.0.2.1", "10.0.0.2", 6).tcp(port, 443, 0x10).zeros(6);
    }

    /// Drains, and keeps what was there.
    void read()
    {
        records.clear();
        const HashKeys keys = maps_->hash_keys();
        clock.advance(1);
        const auto drained = drain_->run(
            [&](const fg_flow_record &record, fg_direction direction) {
                records.push_back(record);
                table.note(record, direction, keys);
            },
            [&](const fg_overflow_entry &entry, fg_direction direction) { table.add(entry, direction, now, clock); });
        ASSERT_TRUE(drained) << drained.error().message;
        const fg_ledger_entry &rx = drain_->ledger(3, FG_RX);
        overflow = 0;
        for (const fg_volume &reason : rx.overflow)
            overflow += reason.packets;
        ASSERT_EQ(rx.flows.packets + rx.non_ip.packets + overflow, rx.total.packets) << "law 1";
    }

    static constexpr TimeNs now = 1'800'000'000'000'000'000;
    RateClock clock;
    OverflowTable table;
    std::vector<fg_flow_record> records;
    std::uint64_t overflow = 0; ///< packets, since the start
};

TEST_F(OverflowTest, AFloodIsOneAggregateWithItsSources)
{
    load(1024);
    constexpr unsigned sources = 60'000;
    for (unsigned source = 0; source < sources; source++)
        run_xdp(syn(source));
    read();
    const auto aggregates = table.active();
    ASSERT_EQ(aggregates.size(), 1U);
    const OverflowAggregate &flood = aggregates.front();
    EXPECT_EQ(flood.level, FG_OVERFLOW_SERVICE);
    EXPECT_EQ(flood.address.to_string(), "10.0.0.2");
    EXPECT_EQ(flood.port, 80);
    EXPECT_EQ(flood.proto, 6);
    EXPECT_EQ(flood.direction, FG_RX);
    EXPECT_EQ(flood.volume.packets, overflow);
    EXPECT_EQ(flood.volume.packets, sources - records.size());
    EXPECT_EQ(flood.volume.bytes, flood.volume.packets * 60);
    EXPECT_EQ(flood.syn, flood.volume.packets);
    EXPECT_NEAR(static_cast<double>(flood.remotes), sources, sources * 0.05);
    read();
    EXPECT_EQ(table.active().front().volume.packets, overflow) << "an aggregate that was read is cleared";
}

TEST_F(OverflowTest, EveryPacketIsInOneAggregateWhateverIsAimedAt)
{
    load(FG_MIN_CAPACITY);
    for (unsigned i = 0; i < 4000; i++)
        run_xdp(syn(i, static_cast<std::uint16_t>(i % 1000 + 1), fmt::format("10.0.{}.1", i % 50).c_str()));
    read();
    std::uint64_t sum = 0;
    bool hosts = false;
    bool rest = false;
    for (const OverflowAggregate &each : table.active()) {
        sum += each.volume.packets;
        hosts |= each.level == FG_OVERFLOW_HOST && each.port == 0;
        rest |= each.level == FG_OVERFLOW_REST;
    }
    EXPECT_EQ(sum, overflow);
    EXPECT_TRUE(hosts);
    EXPECT_TRUE(rest);
}

TEST_F(OverflowTest, EgressIsAggregatedByItsOwnSide)
{
    load(FG_MIN_CAPACITY);
    for (unsigned i = 0; i < 300; i++)
        run_egress(Packet()
                       .ethernet(0x0800)
                       .ipv4("10.0.0.2", fmt::format("198.18.0.{}", i % 250).c_str(), 17)
                       .udp(53, static_cast<std::uint16_t>(2000 + i))
                       .zeros(18));
    read();
    ASSERT_EQ(table.active().size(), 1U);
    EXPECT_EQ(table.active().front().direction, FG_TX);
    EXPECT_EQ(table.active().front().address.to_string(), "10.0.0.2");
    EXPECT_EQ(table.active().front().port, 53);
}

/* The flood came first and would have every record; connections that are known come after it. */
TEST_F(OverflowTest, KnownFlowsFindARecordBehindAFlood)
{
    load(1024);
    constexpr unsigned clients = 200;
    run_xdp(answer(4000));
    const fg_flow_record pattern = only();
    KnownFlows known(maps_->capacity(), maps_->hash_keys());
    for (unsigned client = 0; client < clients; client++) {
        fg_flow_key key = pattern.key;
        key.sport = static_cast<std::uint16_t>(4000 + client);
        known.add(key);
    }
    std::ranges::copy(known.lines(), &maps_->known[0]);
    for (unsigned source = 0; source < 20'000; source++)
        run_xdp(syn(source));
    for (unsigned client = 0; client < clients; client++)
        run_xdp(answer(static_cast<std::uint16_t>(4000 + client)));
    read();
    EXPECT_EQ(std::ranges::count_if(records, [](const auto &record) { return record.key.dport == 443; }), clients);
    EXPECT_LE(records.size(), 1024U);
    EXPECT_GT(drain_->ledger(3, FG_RX).overflow[FG_OVERFLOW_NOT_ADMITTED].packets, 18'000U);
}

} // namespace
} // namespace flowguard::test
