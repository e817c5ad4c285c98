// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/json.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/protocols.h"
#include "records.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

Snapshot snapshot()
{
    Snapshot result;
    result.time = noon + 5 * second;
    InterfaceStatus interface;
    interface.name = "eth0";
    interface.slot = 3;
    interface.ingress_hook = "xdp-native";
    interface.egress_hook = "tcx";
    result.interfaces.push_back(interface);
    result.own_addresses.insert(IpAddress::parse("10.0.0.2").value());
    return result;
}

Flow https()
{
    Flow flow;
    flow.id = 7;
    flow.key = {.client = IpAddress::parse("10.0.0.1").value(),
                .server = IpAddress::parse("10.0.0.2").value(),
                .client_port = 51000,
                .server_port = 443,
                .vlan = {100, 0},
                .proto = FG_PROTO_TCP,
                .kind = FG_KIND_IPV4,
                .slot = 3};
    flow.to_server = {3, 300};
    flow.to_client = {4, 4000};
    flow.start = noon;
    flow.last = noon + 5 * second;
    flow.tcp_flags_to_server = 0x1b;
    flow.tcp_flags_to_client = 0x12;
    flow.state = FlowState::Established;
    return flow;
}

TEST(Json, FlowsFollowTheContract)
{
    const Json json = flow_to_json(https(), snapshot());
    EXPECT_EQ(json["timestamp"], "2027-01-15T08:00:05.000000Z");
    EXPECT_EQ(json["event_type"], "flow");
    EXPECT_EQ(json["flow_id"], 7);
    EXPECT_EQ(json["in_iface"], "eth0");
    EXPECT_EQ(json["vlan"], Json::array({100}));
    EXPECT_EQ(json["src_ip"], "10.0.0.1");
    EXPECT_EQ(json["src_port"], 51000);
    EXPECT_EQ(json["dest_port"], 443);
    EXPECT_EQ(json["proto"], "TCP");
    EXPECT_FALSE(json.contains("icmp_type"));
    EXPECT_EQ(json["flow"], Json({{"pkts_toserver", 3},
                                  {"pkts_toclient", 4},
                                  {"bytes_toserver", 300},
                                  {"bytes_toclient", 4000},
                                  {"start", "2027-01-15T08:00:00.000000Z"},
                                  {"end", "2027-01-15T08:00:05.000000Z"},
                                  {"age", 5},
                                  {"state", "established"},
                                  {"reason", "active"}}));
    EXPECT_EQ(json["tcp"],
              Json({{"tcp_flags_ts", "1b"}, {"tcp_flags_tc", "12"}, {"syn", true}, {"fin", true}, {"rst", false}}));
    EXPECT_EQ(json["flowguard"]["direction"], "in");
}

TEST(Json, AFlowInsideATunnelSaysSoAndIsOtherwiseTheSame)
{
    Flow inside = https();
    inside.key.flags = FG_KEY_TUNNELED;
    Json json = flow_to_json(inside, snapshot());
    EXPECT_EQ(json["flowguard"]["tunneled"], true);
    json["flowguard"].erase("tunneled");
    EXPECT_EQ(json, flow_to_json(https(), snapshot()));

    inside.key.proto = FG_PROTO_ICMP;
    EXPECT_TRUE(flow_to_json(inside, snapshot()).contains("icmp_type"));
    inside.key.flags |= FG_KEY_FRAGMENT;
    EXPECT_FALSE(flow_to_json(inside, snapshot()).contains("icmp_type"));
}

TEST(Json, IcmpHasTypesInsteadOfPorts)
{
    Flow ping = https();
    ping.key.proto = FG_PROTO_ICMP;
    ping.key.client_port = 8;
    ping.key.server_port = 0;
    const Json json = flow_to_json(ping, snapshot());
    EXPECT_FALSE(json.contains("src_port"));
    EXPECT_EQ(json["icmp_type"], 8);
    EXPECT_EQ(json["icmp_code"], 0);
    EXPECT_FALSE(json.contains("tcp"));
}

TEST(Json, TimesAreRfc3339WithMicroseconds)
{
    EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(format_time(1'500'000'000'123'456'789), "2017-07-14T02:40:00.123456Z");
    EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Json, ProtocolsHaveTheirIanaKeyword)
{
    EXPECT_EQ(protocol_name(6), "TCP");
    EXPECT_EQ(protocol_name(58), "IPV6-ICMP");
    EXPECT_EQ(protocol_name(103), "PIM");
    EXPECT_EQ(protocol_name(112), "VRRP");
    EXPECT_EQ(protocol_name(132), "SCTP");
    EXPECT_EQ(protocol_name(137), "MPLS-IN-IP");
    EXPECT_EQ(protocol_name(61), "61");
    EXPECT_EQ(protocol_name(255), "255");
}

TEST(Json, DirectionIsSeenFromThisHost)
{
    const auto own = snapshot().own_addresses;
    Flow flow = https();
    EXPECT_EQ(direction_of(flow, own), FlowDirection::In);
    std::swap(flow.key.client, flow.key.server);
    EXPECT_EQ(direction_of(flow, own), FlowDirection::Out);
    flow.key.client = IpAddress::parse("10.0.0.9").value();
    EXPECT_EQ(direction_of(flow, own), FlowDirection::Forwarded);
}

TEST(Json, AccountedIsOneOnlyIfEveryCountFits)
{
    InterfaceStatus status;
    EXPECT_EQ(accounted(status), 1.0);
    status.rx.total = {10, 1000};
    status.rx.flows = {7, 700};
    status.rx.overflow = {2, 200};
    status.rx.non_ip = {1, 100};
    EXPECT_EQ(accounted(status), 1.0);
    status.rx.flows.bytes--;
    EXPECT_LT(accounted(status), 1.0);
    status.tx.flows = {0, 1}; /* the opposite error on the other side */
    EXPECT_NE(accounted(status), 1.0);
}

TEST(Json, StatusFollowsTheContract)
{
    Snapshot shot = snapshot();
    shot.interfaces[0].rx.total = shot.interfaces[0].rx.flows = {5, 500};
    shot.interfaces[0].losses["overflow_records_full"] = 3;
    const Json json = status_to_json(shot, "0.1.0", false);
    const Json &interface = json["interfaces"][0];
    EXPECT_EQ(interface["ingress"]["hook"], "xdp-native");
    EXPECT_EQ(interface["rx"], Json({{"packets", 5}, {"bytes", 500}, {"dropped_packets", 0}, {"dropped_bytes", 0}}));
    EXPECT_EQ(interface["flows"], Json({{"rx_packets", 5}, {"rx_bytes", 500}, {"tx_packets", 0}, {"tx_bytes", 0}}));
    EXPECT_EQ(interface["accounted"], 1.0);
    EXPECT_EQ(interface["losses"]["overflow_records_full"], 3);
    EXPECT_EQ(json["version"], "0.1.0");
    EXPECT_FALSE(json.contains("features"));
    EXPECT_TRUE(status_to_json(shot, "0.1.0", true).contains("features"));
}

} // namespace
} // namespace flowguard::test
