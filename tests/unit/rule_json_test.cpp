// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/rule_json.h"

#include "flowguard/core/rule_export.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

std::string text(const Json &request)
{
    const auto rule = parse_rule(request);
    return rule ? describe_action(*rule) + ": " + describe_match(rule->match) : "error: " + rule.error().message;
}

TEST(RuleJson, ReadsWhatCanBeSaid)
{
    EXPECT_EQ(text({{"action", "block"}, {"target", "any"}}), "block: any packet");
    EXPECT_EQ(
        text({{"action", "block"}, {"target", "192.0.2.0/24"}, {"directions", "in"}, {"proto", "tcp"}, {"port", "22"}}),
        "block: in tcp from 192.0.2.0/24 to port 22");
    EXPECT_EQ(text({{"action", "allow"}, {"target", "2001:db8::1"}, {"port", 443}}),
              "allow: with 2001:db8::1 to port 443");
    EXPECT_EQ(text({{"action", "block"}, {"target", "0.0.0.0/0"}, {"source_port", "1000-2000"}, {"interface", "eth0"}}),
              "block: with 0.0.0.0/0 from port 1000-2000 on eth0");
    EXPECT_EQ(text({{"action", "block"}, {"target", "::/0"}, {"icmp_type", "128"}}),
              "block: ipv6-icmp with ::/0 type 128");
    EXPECT_EQ(text({{"action", "block"}, {"target", "any"}, {"icmp_type", "3/1"}}), "block: icmp type 3 code 1");
    EXPECT_EQ(text({{"action", "block"}, {"target", "any"}, {"tcp_flags", "syn,fin/syn,fin"}}),
              "block: tcp flags FIN,SYN/FIN,SYN");
    EXPECT_EQ(text({{"action", "block"}, {"target", "any"}, {"tcp_flags", "FIN,SYN,RST/NONE"}}),
              "block: tcp flags FIN,SYN,RST/NONE");
    EXPECT_EQ(text({{"action", "block"}, {"target", "any"}, {"min_length", "100"}, {"max_length", 200}}),
              "block: of 100-200 bytes");
    EXPECT_EQ(text({{"action", "limit"}, {"service", "tcp/22"}, {"rate", "10/s"}, {"new_connections", true}}),
              "limit new connections to 10/s (burst 10) per source: in tcp to port 22 flags SYN,ACK/SYN");
    EXPECT_EQ(text({{"action", "limit"}, {"rate", "8Mbit/s"}, {"per", "total"}, {"directions", "out"}}),
              "limit to 1000000B/s (burst 1000000) in total: out");
    EXPECT_EQ(text({{"action", "limit"}, {"rate", "30/min"}, {"burst", 5}}), "limit to 30/m (burst 5) per source: in");
}

TEST(RuleJson, RefusesWhatMakesNoSense)
{
    const auto error = [](Json request, const char *part) {
        request.emplace("action", "block");
        request.emplace("target", "any");
        const std::string said = text(request);
        EXPECT_TRUE(said.starts_with("error: ") && said.find(part) != std::string::npos) << said;
    };
    error({{"action", "forbid"}}, "allow, block or limit");
    error({{"target", ""}, {"port", "22"}}, "a target is needed");
    error({{"target", "nowhere"}}, "nowhere");
    error({{"target", "10.0.0.1/8"}}, "10.0.0.0/8");
    error({{"proto", "tpc"}}, "tcp, udp, icmp");
    error({{"proto", "256"}}, "its number");
    error({{"proto", "gre"}, {"port", "1"}}, "has no ports");
    error({{"port", "70000"}}, "up to 65535");
    error({{"port", "5-4"}}, "a range like 1000-2000");
    error({{"port", "22"}, {"icmp_type", "8"}}, "no ports");
    error({{"proto", "udp"}, {"tcp_flags", "SYN"}}, "of TCP");
    error({{"tcp_flags", "SYN/ACK"}}, "SYN,ACK/SYN");
    error({{"tcp_flags", "SIN"}}, "SYN,ACK/SYN");
    error({{"icmp_type", "300"}}, "3/1");
    error({{"proto", "tcp"}, {"icmp_type", "8"}}, "no type of ICMP");
    error({{"min_length", "200"}, {"max_length", "100"}}, "above the greatest");
    error({{"interface", "a-name-that-is-too-long"}}, "too long");
    error({{"directions", "up"}}, "in, out or both");
    error({{"priority", "first"}}, "lower ones come first");
    error({{"reason", std::string(64, 'x')}}, "63 fit");
    error({{"action", "limit"}}, "is no rate");
    for (const char *rate :
         {"10", "/s", "x/s", "10/fortnight", "-1/s", "0/s", "10Q/s", "10Mfoo/s", "1e30/s", "nan/s", "inf/s"})
        error({{"action", "limit"}, {"rate", rate}}, "is no rate");
    error({{"action", "limit"}, {"rate", "10/s"}, {"per", "user"}}, "source or total");
    error({{"action", "limit"}, {"rate", "10/s"}, {"burst", "0"}}, "is no burst");
    error({{"action", "limit"}, {"rate", "1MB/s"}, {"burst", "1500"}}, "at least 65536");
    error({{"action", "limit"}, {"rate", "1MB/s"}, {"new_connections", true}}, "have no bytes");
    error({{"action", "limit"}, {"rate", "1/d"}, {"burst", "1000"}}, "more than a year");
}

TEST(RuleJson, PlainBlocksNeedNoRule)
{
    EXPECT_FALSE(has_conditions({{"target", "192.0.2.1"}, {"directions", "in"}, {"reason", "x"}, {"for_s", 5}}));
    EXPECT_TRUE(has_conditions({{"target", "192.0.2.1"}, {"port", "22"}}));
    EXPECT_TRUE(has_conditions({{"target", "any"}}));
}

TEST(RuleExport, IsWrittenForEachFirewall)
{
    Policy policy{.rules = {*parse_rule({{"action", "allow"}, {"target", "192.0.2.7"}, {"directions", "in"}}),
                            *parse_rule({{"action", "limit"}, {"service", "tcp/22"}, {"rate", "10/s"}})},
                  .blocks = {{IpPrefix::parse("198.51.100.0/24").value(), FG_BLOCK_IN}},
                  .interfaces = {"eth0"}};
    policy.rules[0].id = 1;
    policy.rules[1].id = 2;
    const std::string nft = export_policy(policy, "nft").value();
    const auto allow = nft.find("ip saddr 192.0.2.7 counter accept");
    const auto block = nft.find("ip saddr @blocked_in_4 counter drop");
    const auto limit = nft.find("{ ip saddr limit rate over 10/second burst 10 packets } counter drop");
    EXPECT_LT(allow, block) << nft;
    EXPECT_LT(block, limit) << nft;
    EXPECT_NE(limit, std::string::npos) << nft;
    const std::string iptables = export_policy(policy, "iptables").value();
    EXPECT_NE(iptables.find("-A FLOWGUARD-IN -s 192.0.2.7 -m comment --comment 1 -j RETURN\n"
                            "-A FLOWGUARD-IN -s 198.51.100.0/24 -j DROP\n"
                            "-A FLOWGUARD-IN -p tcp --dport 22 -m hashlimit"),
              std::string::npos)
        << iptables;
    EXPECT_NE(
        iptables.find("--hashlimit-name fg-2-in --hashlimit-above 10/sec --hashlimit-burst 10 --hashlimit-mode srcip"),
        std::string::npos)
        << iptables;
    policy.rules = {*parse_rule({{"action", "limit"}, {"rate", "1MB/min"}, {"directions", "both"}, {"per", "total"}}),
                    *parse_rule({{"action", "limit"}, {"rate", "10/h"}}),
                    *parse_rule({{"action", "block"}, {"target", "any"}, {"tcp_flags", "CWR/CWR"}})};
    const std::string bytes = export_policy(policy, "iptables").value();
    EXPECT_NE(bytes.find("--hashlimit-above 16667b/s --hashlimit-burst 65536b"), std::string::npos) << bytes;
    EXPECT_NE(bytes.find("flags that iptables does not know"), std::string::npos);
    EXPECT_EQ(bytes.find("udplite"), std::string::npos);
    const std::string slow = export_policy(policy, "nft").value();
    EXPECT_NE(slow.find("limit rate over 16667 bytes/second burst 65536 bytes"), std::string::npos) << slow;
    EXPECT_NE(slow.find("timeout 361s"), std::string::npos) << "what a bucket of one takes to be full again: " << slow;
    EXPECT_EQ(export_policy(policy, "ip6tables").value().find("192.0.2.7"), std::string::npos);
    EXPECT_EQ(export_policy(policy, "pf").error().code, ExitCode::Usage);
}

} // namespace
} // namespace flowguard::test
