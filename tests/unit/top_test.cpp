// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/top.h"

#include "flowguard/core/flow_table.h"
#include "records.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

/// A host 10.0.0.2 with two HTTPS clients and a DNS question of its own.
Snapshot busy_host()
{
    FlowTable table({}, 1);
    table.begin_tick(1.0);
    const auto add = [&](const Record &record, fg_direction direction) {
        table.add(record.value, direction, noon, noon);
    };
    add(Record("10.0.0.1", 4000, "10.0.0.2", 443).flags(FG_TCP_SYN).packets(2, 200), FG_RX);
    add(Record("10.0.0.2", 443, "10.0.0.1", 4000).flags(FG_TCP_SYN | FG_TCP_ACK).packets(8, 8000), FG_TX);
    add(Record("10.0.0.3", 4001, "10.0.0.2", 443).flags(FG_TCP_SYN).packets(1, 100), FG_RX);
    add(Record("10.0.0.2", 5000, "9.9.9.9", 53, FG_PROTO_UDP).packets(1, 80), FG_TX);
    Snapshot snapshot;
    snapshot.time = noon + second;
    snapshot.flows = table.active();
    snapshot.clock = table.clock();
    snapshot.own_addresses.insert(IpAddress::parse("10.0.0.2").value());
    return snapshot;
}

Json top(TopBy by, SortBy sort = SortBy::Rate, const char *filter = "", std::size_t limit = 0)
{
    return top_to_json(busy_host(), by, sort, FlowFilter::compile(filter).value(), limit);
}

TEST(Top, FlowsComeBusiestFirst)
{
    const Json json = top(TopBy::Flow);
    ASSERT_EQ(json["rows"].size(), 3U);
    const Json &row = json["rows"][0];
    EXPECT_EQ(row["src_ip"], "10.0.0.1");
    EXPECT_EQ(row["dest_port"], 443);
    EXPECT_EQ(row["rx_bps"]["2s"], 1600.0);
    EXPECT_EQ(row["tx_bps"]["2s"], 64000.0);
    EXPECT_EQ(row["pps"]["2s"], 10.0);
    EXPECT_EQ(row["direction"], "in");
}

TEST(Top, RemotesAreTheOtherSideWhoeverBegan)
{
    const Json json = top(TopBy::Remote);
    ASSERT_EQ(json["rows"].size(), 3U);
    EXPECT_EQ(json["rows"][0]["ip"], "10.0.0.1");
    EXPECT_EQ(json["rows"][2]["ip"], "9.9.9.9");
    EXPECT_EQ(json["rows"][2]["tx_bps"]["2s"], 640.0);
}

TEST(Top, LocalsAddUp)
{
    const Json json = top(TopBy::Local);
    ASSERT_EQ(json["rows"].size(), 1U);
    EXPECT_EQ(json["rows"][0]["ip"], "10.0.0.2");
    EXPECT_EQ(json["rows"][0]["peers"], 3);
    EXPECT_EQ(json["rows"][0]["packets"], 12);
}

TEST(Top, ServicesCountTheirClients)
{
    const Json json = top(TopBy::Service);
    ASSERT_EQ(json["rows"].size(), 2U);
    EXPECT_EQ(json["rows"][0]["port"], 443);
    EXPECT_EQ(json["rows"][0]["peers"], 2);
    EXPECT_EQ(json["rows"][0]["flows"], 2);
}

TEST(Top, FilterAndLimitAreAppliedAndSaid)
{
    const Json json = top(TopBy::Flow, SortBy::Packets, "tcp", 1);
    EXPECT_EQ(json["rows"].size(), 1U);
    EXPECT_EQ(json["matching"], 2);
    EXPECT_EQ(json["active_flows"], 3);
}

TEST(Top, RefusesUnknownWords)
{
    EXPECT_EQ(parse_top_by("remote").value(), TopBy::Remote);
    EXPECT_EQ(parse_top_by("process").error().code, ExitCode::Usage);
    EXPECT_EQ(parse_sort_by("bytes").value(), SortBy::Bytes);
    EXPECT_EQ(parse_sort_by("").error().code, ExitCode::Usage);
}

} // namespace
} // namespace flowguard::test
