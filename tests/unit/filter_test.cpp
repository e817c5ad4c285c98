// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/filter.h"

#include "flowguard/abi/parser.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

Flow flow(const char *client, const char *server, std::uint8_t proto, std::uint16_t from, std::uint16_t to)
{
    Flow result;
    result.key = {.client = IpAddress::parse(client).value(),
                  .server = IpAddress::parse(server).value(),
                  .client_port = from,
                  .server_port = to,
                  .proto = proto,
                  .kind = static_cast<std::uint8_t>(IpAddress::parse(client)->is_v4() ? FG_KIND_IPV4 : FG_KIND_IPV6)};
    return result;
}

bool matches(const char *expression, const Flow &flow)
{
    const auto filter = FlowFilter::compile(expression);
    EXPECT_TRUE(filter) << expression;
    return filter && filter->matches(flow);
}

TEST(FlowFilter, ReadsAFlowAsItsClientsPackets)
{
    const Flow https = flow("10.1.2.3", "192.0.2.7", FG_PROTO_TCP, 40000, 443);
    for (const char *yes : {"", "  ", "tcp", "ip", "dst port 443", "src port 40000", "port 443", "host 10.1.2.3",
                            "src host 10.1.2.3", "dst host 192.0.2.7", "net 10.0.0.0/8",
                            "tcp and dst port 443 and net 10.0.0.0/8", "not udp", "portrange 400-500"})
        EXPECT_TRUE(matches(yes, https)) << yes;
    for (const char *no : {"udp", "ip6", "src port 443", "dst host 10.1.2.3", "net 11.0.0.0/8", "vlan", "arp"})
        EXPECT_FALSE(matches(no, https)) << no;
}

TEST(FlowFilter, KnowsIpv6IcmpAndVlans)
{
    EXPECT_TRUE(matches("ip6 and udp port 53", flow("2001:db8::1", "2001:db8::2", FG_PROTO_UDP, 5000, 53)));
    EXPECT_TRUE(matches("icmp[icmptype] == icmp-echo", flow("10.0.0.1", "10.0.0.2", FG_PROTO_ICMP, 8, 0)));
    Flow tagged = flow("10.0.0.1", "10.0.0.2", FG_PROTO_TCP, 1, 80);
    tagged.key.vlan = {100, 0};
    EXPECT_TRUE(matches("vlan 100 and tcp port 80", tagged));
    EXPECT_FALSE(matches("vlan 101", tagged));
}

TEST(FlowFilter, LaterFragmentsHaveNoPorts)
{
    for (const auto &[client, server] : {std::pair("10.0.0.1", "10.0.0.2"), std::pair("2001:db8::1", "2001:db8::2")}) {
        Flow fragments = flow(client, server, FG_PROTO_UDP, 0, 0);
        fragments.key.flags = FG_KEY_FRAGMENT;
        EXPECT_FALSE(matches("port 0", fragments));
        EXPECT_TRUE(matches(fragments.key.kind == FG_KIND_IPV4 ? "ip proto 17" : "ip6 protochain 17", fragments));
    }
}

TEST(FlowFilter, LooksNoNamesUp)
{
    for (const char *expression : {"host example.org", "example.org", "host 1.2.3.4.5", "net cafe",
                                   "src host fade.cafe", "tcp and (port 80 or router)", "dst 256x"}) {
        const auto filter = FlowFilter::compile(expression);
        ASSERT_FALSE(filter) << expression;
        EXPECT_NE(filter.error().message.find("not looked up"), std::string::npos) << filter.error().message;
    }
    for (const char *expression :
         {"host 2001:db8::1", "net 10.1", "net 2001:db8::/32", "net 10.0.0.0 mask 255.0.0.0",
          "ether host 02:00:00:00:00:01", "portrange 80-90", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip proto \\udp",
          "tcp[0xd]&2!=0", "ip[6:2] & 0x1fff = 0"})
        EXPECT_TRUE(FlowFilter::compile(expression)) << expression;
}

TEST(FlowFilter, SaysWhatIsWrong)
{
    const auto filter = FlowFilter::compile("prot 443");
    ASSERT_FALSE(filter);
    EXPECT_EQ(filter.error().code, ExitCode::Usage);
    EXPECT_NE(filter.error().message.find("'prot 443'"), std::string::npos);
}

} // namespace
} // namespace flowguard
