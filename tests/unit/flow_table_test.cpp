// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/flow_table.h"

#include "records.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <set>

namespace flowguard::test {
namespace {

constexpr std::uint8_t syn = FG_TCP_SYN;
constexpr std::uint8_t syn_ack = FG_TCP_SYN | FG_TCP_ACK;
constexpr std::uint8_t ack = FG_TCP_ACK;
constexpr std::uint8_t fin_ack = FG_TCP_FIN | FG_TCP_ACK;
constexpr std::uint8_t rst = FG_TCP_RST;
constexpr const char *client = "10.0.0.1";
constexpr const char *server = "10.0.0.2";

class FlowTableTest : public testing::Test {
  protected:
    void start(FlowTableConfig config = {})
    {
        table_.emplace(config, 42);
        now_ = noon;
        table_->begin_tick(1.0);
    }
    /// `from` and `to` in seconds since the tick began.
    void add(const Record &record, fg_direction direction, double from = 0, double to = 0)
    {
        table_->add(record.value, direction, now_ + static_cast<TimeNs>(from * second),
                    now_ + static_cast<TimeNs>(to * second));
    }
    void tick(int seconds = 1)
    {
        for (int i = 0; i < seconds; i++) {
            now_ += second;
            table_->end_tick(now_);
            table_->begin_tick(1.0);
        }
    }
    Flow only()
    {
        const auto flows = table_->active();
        EXPECT_EQ(flows.size(), 1U);
        return flows.empty() ? Flow{} : flows.front();
    }
    Record to_server(std::uint8_t flags) { return Record(client, 40000, server, 443).flags(flags); }
    Record to_client(std::uint8_t flags) { return Record(server, 443, client, 40000).flags(flags); }

    std::optional<FlowTable> table_;
    TimeNs now_ = 0;
};

TEST_F(FlowTableTest, JoinsBothDirections)
{
    start();
    add(to_server(syn | ack).packets(10, 1000), FG_RX);
    add(to_client(ack).packets(20, 30000), FG_TX);
    add(to_server(ack).packets(1, 60), FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.to_server + flow.to_client, (Volume{31, 31060}));
}

TEST_F(FlowTableTest, AFlowInsideATunnelIsOneOfItsOwnAndTcpAsAnyOther)
{
    start();
    add(to_server(syn), FG_RX);
    add(to_server(syn).key_flags(FG_KEY_TUNNELED), FG_RX);
    add(to_client(syn).key_flags(FG_KEY_TUNNELED), FG_TX);
    EXPECT_EQ(table_->active().size(), 2U);
    for (const Flow &flow : table_->active())
        EXPECT_EQ(flow.state, FlowState::New) << "without ACK from both sides";
    add(to_server(ack).key_flags(FG_KEY_TUNNELED), FG_RX);
    add(to_client(ack).key_flags(FG_KEY_TUNNELED), FG_TX);
    for (const Flow &flow : table_->active())
        EXPECT_EQ(flow.state, flow.key.flags ? FlowState::Established : FlowState::New);
}

TEST_F(FlowTableTest, TheFirstSynMakesTheClientWhateverTheOrderOfRecords)
{
    for (const bool answer_first : {false, true}) {
        start();
        if (answer_first)
            add(to_client(syn_ack).packets(5, 500), FG_TX, 0.0, 0.5);
        add(to_server(syn).packets(7, 700), FG_RX, 0.0, 0.5);
        if (!answer_first)
            add(to_client(syn_ack).packets(5, 500), FG_TX, 0.0, 0.5);
        const Flow flow = only();
        EXPECT_EQ(flow.key.client.to_string(), client);
        EXPECT_EQ(flow.key.client_port, 40000);
        EXPECT_EQ(flow.key.server_port, 443);
        EXPECT_EQ(flow.to_server, (Volume{7, 700}));
        EXPECT_EQ(flow.to_client, (Volume{5, 500}));
        EXPECT_TRUE(flow.client_received);
        EXPECT_EQ(flow.tcp_flags_to_client, syn_ack);
    }
}

TEST_F(FlowTableTest, WithoutSynTheFirstPacketMakesTheClient)
{
    start();
    add(Record(server, 5000, client, 6000, FG_PROTO_UDP), FG_TX, 0.2);
    add(Record(client, 6000, server, 5000, FG_PROTO_UDP), FG_RX, 0.1);
    EXPECT_EQ(only().key.client.to_string(), client);
    EXPECT_TRUE(only().client_received);
}

TEST_F(FlowTableTest, ATieIsBrokenByTheServicePort)
{
    start();
    add(Record("8.8.8.8", 53, client, 50000, FG_PROTO_UDP).packets(1, 200), FG_RX);
    add(Record(client, 50000, "8.8.8.8", 53, FG_PROTO_UDP).packets(1, 80), FG_TX);
    const Flow flow = only();
    EXPECT_EQ(flow.key.client.to_string(), client);
    EXPECT_EQ(flow.to_server, (Volume{1, 80}));
    EXPECT_FALSE(flow.client_received);
}

TEST_F(FlowTableTest, EchoAndReplyAreOneFlow)
{
    start();
    add(Record(server, 0, client, 0, FG_PROTO_ICMP).packets(4, 400), FG_TX);
    add(Record(client, 8, server, 0, FG_PROTO_ICMP).packets(4, 400), FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.key.client.to_string(), client);
    EXPECT_EQ(flow.key.client_port, 8);
    EXPECT_EQ(flow.to_server.packets, 4U);
    EXPECT_EQ(flow.to_client.packets, 4U);
    EXPECT_EQ(flow.state, FlowState::Established);
}

TEST_F(FlowTableTest, EstablishedFlowsAreKnownByTheKeysOfBothDirections)
{
    start();
    const Record there(client, 4000, server, 80);
    const Record back(server, 80, client, 4000);
    add(Record(client, 5000, server, 80).flags(syn), FG_RX);
    add(Record(there).flags(ack), FG_RX);
    add(Record(back).flags(ack), FG_TX);
    std::size_t visited = 0;
    bool found_there = false;
    bool found_back = false;
    table_->visit_established([&](const fg_flow_key &key) {
        visited++;
        found_there |= std::memcmp(&key, &there.value.key, sizeof key) == 0;
        found_back |= std::memcmp(&key, &back.value.key, sizeof key) == 0;
    });
    EXPECT_EQ(visited, 2U);
    EXPECT_TRUE(found_there);
    EXPECT_TRUE(found_back);
}

TEST_F(FlowTableTest, VlansAndInterfacesKeepFlowsApart)
{
    start();
    add(to_server(ack), FG_RX);
    add(to_server(ack).vlan(7), FG_RX);
    add(to_server(ack).slot(1), FG_RX);
    EXPECT_EQ(table_->size(), 3U);
}

TEST_F(FlowTableTest, OnALoopbackDeviceEachPacketCountsOnce)
{
    start();
    for (const auto direction : {FG_RX, FG_TX}) {
        add(Record("127.0.0.1", 40000, "127.0.0.1", 80).flags(syn | 0).packets(6, 600), direction);
        add(Record("127.0.0.1", 80, "127.0.0.1", 40000).flags(syn_ack).packets(5, 500), direction);
    }
    const Flow flow = only();
    EXPECT_EQ(flow.to_server, (Volume{6, 600}));
    EXPECT_EQ(flow.to_client, (Volume{5, 500}));
}

TEST_F(FlowTableTest, OnAMirrorPortBothSidesComeIn)
{
    start();
    add(to_client(syn_ack).packets(5, 500), FG_RX);
    add(to_server(syn).packets(6, 600), FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.to_server, (Volume{6, 600}));
    EXPECT_EQ(flow.to_client, (Volume{5, 500}));
    EXPECT_TRUE(flow.client_received);
}

TEST_F(FlowTableTest, ARouterOnAStickPassesEachPacketTwiceAndCountsItOnce)
{
    start();
    for (const auto direction : {FG_TX, FG_RX}) { /* in either order of records */
        add(to_server(syn).packets(6, 600), direction);
        add(to_client(syn_ack).packets(5, 500), direction == FG_TX ? FG_RX : FG_TX);
    }
    const Flow flow = only();
    EXPECT_EQ(flow.to_server, (Volume{6, 600}));
    EXPECT_EQ(flow.to_client, (Volume{5, 500}));
}

TEST_F(FlowTableTest, TcpStatesFollowTheHandshakeAndItsEnd)
{
    start();
    add(to_server(syn), FG_RX);
    EXPECT_EQ(only().state, FlowState::New);
    add(to_client(syn_ack), FG_TX);
    EXPECT_EQ(only().state, FlowState::New);
    add(to_server(ack), FG_RX);
    EXPECT_EQ(only().state, FlowState::Established);
    add(to_server(fin_ack), FG_RX);
    EXPECT_EQ(only().state, FlowState::Established);
    add(to_client(fin_ack), FG_TX);
    EXPECT_EQ(only().state, FlowState::Closed);
    tick(10);
    ASSERT_EQ(table_->ended().size(), 1U);
    EXPECT_EQ(table_->ended().front().reason, FlowReason::Fin);
    EXPECT_EQ(table_->size(), 0U);
}

TEST_F(FlowTableTest, ARefusedConnectionEndsByRst)
{
    start();
    add(to_server(syn), FG_RX);
    add(to_client(rst | ack), FG_TX);
    tick(6);
    ASSERT_EQ(table_->ended().size(), 1U);
    EXPECT_EQ(table_->ended().front().reason, FlowReason::Rst);
}

TEST_F(FlowTableTest, WhatPolicyDropsOpensAndClosesNothing)
{
    start();
    add(to_server(syn).dropped(), FG_RX);
    add(to_server(rst).dropped(), FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.state, FlowState::New);
    EXPECT_EQ(flow.dropped.packets, 2U);
    EXPECT_EQ(flow.to_server.packets, 2U);
}

TEST_F(FlowTableTest, ReusedPortsAreANewFlow)
{
    start();
    add(to_server(syn), FG_RX);
    add(to_client(rst), FG_TX);
    tick();
    add(to_server(syn).packets(1, 74), FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.state, FlowState::New);
    EXPECT_EQ(flow.to_server, (Volume{1, 74}));
    ASSERT_EQ(table_->ended().size(), 1U);
    EXPECT_NE(table_->ended().front().id, flow.id);
}

TEST_F(FlowTableTest, EachStateHasItsTimeout)
{
    start();
    add(to_server(syn), FG_RX);                              // new: 20 s
    add(Record(client, 1, server, 53, FG_PROTO_UDP), FG_RX); // idle: 60 s
    add(Record(client, 9, server, 80).flags(syn), FG_RX);    // established: 300 s
    add(Record(server, 80, client, 9).flags(syn_ack), FG_TX);
    add(Record(client, 9, server, 80).flags(ack), FG_RX);
    tick(19);
    EXPECT_EQ(table_->size(), 3U);
    tick(1);
    EXPECT_EQ(table_->size(), 2U);
    tick(40);
    EXPECT_EQ(table_->size(), 1U);
    tick(240);
    EXPECT_EQ(table_->size(), 0U);
    for (const Flow &flow : table_->ended())
        EXPECT_EQ(flow.reason, FlowReason::Timeout);
}

TEST_F(FlowTableTest, TheActiveTimeoutSplitsWithoutLosingAPacket)
{
    start({.active_timeout = std::chrono::seconds(30)});
    std::uint64_t sent = 0;
    for (int i = 0; i < 100; i++) {
        add(to_server(ack).packets(3, 300), FG_RX);
        sent += 3;
        tick();
    }
    std::uint64_t counted = only().to_server.packets;
    std::set<std::uint64_t> ids{only().id};
    for (const Flow &flow : table_->ended()) {
        EXPECT_EQ(flow.reason, FlowReason::Active);
        counted += flow.to_server.packets;
        ids.insert(flow.id);
    }
    EXPECT_EQ(counted, sent);
    EXPECT_EQ(ids.size(), 4U);
}

TEST_F(FlowTableTest, AFloodEvictsHalfOpenFlowsFirst)
{
    start({.max_flows = 100});
    add(to_server(syn), FG_RX);
    add(to_client(syn_ack), FG_TX);
    add(to_server(ack), FG_RX);
    const std::uint64_t established = only().id;
    for (std::uint16_t port = 1; port <= 1000; port++)
        add(Record("198.51.100.9", port, server, 80).flags(syn), FG_RX);
    EXPECT_EQ(table_->size(), 100U);
    EXPECT_EQ(table_->counters().evicted, 901U);
    const auto flows = table_->active();
    EXPECT_TRUE(std::ranges::any_of(flows, [&](const Flow &flow) { return flow.id == established; }));
    EXPECT_EQ(table_->ended().front().key.client_port, 1) << "the oldest goes first";
}

TEST_F(FlowTableTest, AFullTableOfEstablishedFlowsStillTakesNewOnes)
{
    start({.max_flows = 10});
    for (std::uint16_t port = 1; port <= 50; port++) {
        add(Record(client, port, server, 53, FG_PROTO_UDP), FG_RX);
        add(Record(server, 53, client, port, FG_PROTO_UDP), FG_TX);
    }
    EXPECT_EQ(table_->size(), 10U);
    EXPECT_EQ(table_->counters().evicted, 40U);
}

TEST_F(FlowTableTest, ADetachedInterfaceTakesItsFlowsAlong)
{
    start();
    add(to_server(ack), FG_RX);
    add(to_server(ack).slot(1), FG_RX);
    table_->drop_slot(1);
    EXPECT_EQ(only().key.slot, 0);
    EXPECT_EQ(table_->ended().size(), 1U);
    EXPECT_EQ(table_->counters().evicted, 0U);
}

TEST_F(FlowTableTest, EndedFlowsAreBounded)
{
    start({.max_ended = 5});
    for (std::uint16_t port = 1; port <= 20; port++)
        add(Record(client, port, server, 53, FG_PROTO_UDP).slot(1), FG_RX);
    table_->drop_slot(1);
    EXPECT_EQ(table_->ended().size(), 5U);
    EXPECT_EQ(table_->counters().ended, 20U);
}

TEST_F(FlowTableTest, ATickTellsWhatEachFlowDidInIt)
{
    start();
    add(to_server(syn), FG_RX, 0.1);
    add(to_client(syn_ack), FG_TX, 0.2);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->changes().size(), 1U);
    EXPECT_TRUE(table_->changes()[0].begun);
    table_->begin_tick(1.0);
    EXPECT_TRUE(table_->changes().empty());
    add(to_server(ack).packets(3, 900), FG_RX, 0.3, 0.4);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->changes().size(), 1U);
    const FlowDelta &delta = table_->changes()[0];
    EXPECT_FALSE(delta.begun);
    EXPECT_EQ(delta.to_server, (Volume{3, 900}));
    EXPECT_EQ(delta.to_client, Volume{});
    EXPECT_EQ(delta.client_sent.tcp.syn, 0U);
    EXPECT_EQ(delta.client_first, now_ - second + 300'000'000);
    EXPECT_EQ(delta.server_first, 0);
    EXPECT_EQ(delta.last, now_ - second + 400'000'000);
    EXPECT_EQ(delta.flow->to_server, (Volume{4, 960}));
    EXPECT_EQ(delta.flow->client_sent.tcp.syn, 1U);
    EXPECT_EQ(delta.flow->server_sent.tcp.syn_ack, 1U);
}

/* The answer's record may come first, and then the client is settled late. */
TEST_F(FlowTableTest, WhatATickChangedTurnsWithTheClient)
{
    start();
    add(to_client(syn_ack).packets(2, 150), FG_TX, 0.2);
    add(to_server(syn), FG_RX, 0.1);
    table_->end_tick(now_ + second);
    ASSERT_EQ(table_->changes().size(), 1U);
    const FlowDelta &delta = table_->changes()[0];
    EXPECT_EQ(delta.to_server, (Volume{1, 60}));
    EXPECT_EQ(delta.to_client, (Volume{2, 150}));
    EXPECT_EQ(delta.client_sent.tcp.syn, 1U);
    EXPECT_EQ(delta.server_sent.tcp.syn_ack, 1U);
    EXPECT_EQ(delta.client_first, now_ + 100'000'000);
    EXPECT_EQ(delta.server_first, now_ + 200'000'000);
}

TEST_F(FlowTableTest, ATickTellsWhichFlowsEndedWithIt)
{
    FlowTableConfig config;
    config.new_timeout = std::chrono::seconds(2);
    start(config);
    add(to_server(syn), FG_RX);
    now_ += second;
    table_->end_tick(now_);
    EXPECT_TRUE(table_->just_ended().empty());
    table_->begin_tick(1.0);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->just_ended().size(), 1U);
    EXPECT_EQ(table_->just_ended()[0]->state, FlowState::New);
    EXPECT_EQ(table_->just_ended()[0]->client_sent.tcp.syn, 1U);
    table_->begin_tick(1.0);
    EXPECT_TRUE(table_->just_ended().empty());
}

TEST_F(FlowTableTest, AFlowThatGoesOnAfterTheActiveTimeoutHasNotBegunAgain)
{
    FlowTableConfig config;
    config.active_timeout = std::chrono::seconds(1);
    start(config);
    add(to_server(syn), FG_RX);
    add(to_client(syn_ack), FG_TX);
    tick();
    add(to_server(ack), FG_RX);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->changes().size(), 1U);
    EXPECT_FALSE(table_->changes()[0].begun);
    EXPECT_TRUE(table_->changes()[0].flow->continued);
}

TEST_F(FlowTableTest, PacketLengthsAreKeptOfEachSide)
{
    start();
    Record small = to_server(syn);
    small.value.min_length = small.value.max_length = 60;
    Record large = to_server(ack);
    large.value.min_length = 80;
    large.value.max_length = 1500;
    add(small, FG_RX);
    add(large, FG_RX);
    const Flow flow = only();
    EXPECT_EQ(flow.client_sent.min_length, 60U);
    EXPECT_EQ(flow.client_sent.max_length, 1500U);
    EXPECT_EQ(flow.server_sent.max_length, 0U);
}

TEST_F(FlowTableTest, ThePartBeforeTheActiveTimeoutIsTold)
{
    FlowTableConfig config;
    config.active_timeout = std::chrono::seconds(1);
    start(config);
    add(to_server(syn).packets(4, 4000), FG_RX);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->just_ended().size(), 1U);
    EXPECT_EQ(table_->just_ended()[0]->reason, FlowReason::Active);
    EXPECT_EQ(table_->just_ended()[0]->to_server, (Volume{4, 4000}));
    EXPECT_EQ(only().to_server, Volume{});
}

TEST_F(FlowTableTest, NonIpIsNoFlow)
{
    start();
    Record arp(client, 0x0806, server, 0, 0);
    arp.value.key.kind = FG_KIND_NON_IP;
    add(arp, FG_RX);
    EXPECT_EQ(table_->size(), 0U);
}

TEST_F(FlowTableTest, ShortTicksCanBeLookedAtAsOne)
{
    start({.idle_timeout = std::chrono::seconds(2)});
    add(Record(client, 1, server, 53, FG_PROTO_UDP).packets(2, 200), FG_TX);
    tick();
    add(Record(client, 2, server, 53, FG_PROTO_UDP).packets(1, 100), FG_TX);
    now_ += second;
    table_->end_tick(now_);
    ASSERT_EQ(table_->just_ended().size(), 1U);

    table_->begin_tick(0.1, true);
    /* Many: entries move. The flow that has ended is given to nobody else. */
    for (std::uint16_t port = 1000; port < 3000; port++)
        add(Record(client, port, server, 53, FG_PROTO_UDP).packets(1, 100), FG_TX);
    add(Record(client, 2, server, 53, FG_PROTO_UDP).packets(4, 400), FG_TX);
    table_->end_tick(now_);

    ASSERT_EQ(table_->just_ended().size(), 1U);
    EXPECT_EQ(table_->just_ended().front()->key.client_port, 1);
    ASSERT_EQ(table_->changes().size(), 2001U);
    const FlowDelta &both = table_->changes().front();
    EXPECT_EQ(both.flow->key.client_port, 2);
    EXPECT_EQ(both.to_server.packets, 5U);
    EXPECT_TRUE(both.begun);
    EXPECT_EQ(table_->changes().back().flow->key.client_port, 2999);

    table_->begin_tick(1);
    EXPECT_TRUE(table_->changes().empty());
    add(Record(client, 2, server, 53, FG_PROTO_UDP).packets(1, 100), FG_TX);
    table_->end_tick(now_);
    ASSERT_EQ(table_->changes().size(), 1U);
    EXPECT_EQ(table_->changes().front().to_server.packets, 1U);
    EXPECT_FALSE(table_->changes().front().begun);
}

TEST_F(FlowTableTest, WhatAPredecessorLeftIsAddedBeforeTheFirstTick)
{
    table_.emplace(FlowTableConfig{}, 42);
    now_ = noon;
    add(Record(client, 1, server, 53, FG_PROTO_UDP).packets(2, 200), FG_TX);
    table_->begin_tick(1);
    table_->end_tick(now_);
    EXPECT_EQ(only().to_server.packets, 2U);
    EXPECT_TRUE(table_->changes().empty());
}

} // namespace
} // namespace flowguard::test
