// SPDX-License-Identifier: Apache-2.0
/* Rules in the kernel: the same verdicts as asking one rule after the other, and limits to the packet. */
#include "../unit/random_rules.h"
#include "datapath.h"

#include "flowguard/core/rule_json.h"
#include "flowguard/kernel/ruleset.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>

namespace flowguard::test {
namespace {

struct RulesTest : DatapathTest {
    void SetUp() override
    {
        DatapathTest::SetUp();
        load();
        maps_->interfaces[slot].ifindex = 1;
        std::string("eth0").copy(maps_->interfaces[slot].name, 15);
        auto opened = Ruleset::open(*maps_);
        ASSERT_TRUE(opened) << opened.error().message;
        rules.emplace(std::move(*opened));
    }

    std::uint32_t add(const Json &request, std::optional<std::chrono::seconds> lifetime = {})
    {
        const auto rule = parse_rule(request);
        EXPECT_TRUE(rule) << rule.error().message;
        if (!rule)
            return 0;
        const auto change = rules->add({.rule = *rule, .lifetime = lifetime}, boot_time_ns(), real_time_ns());
        EXPECT_TRUE(change) << change.error().message;
        return change ? change->id : 0;
    }
    fg_rule rule(std::uint32_t at) const
    {
        fg_rule value{};
        EXPECT_EQ(bpf_map_lookup_elem(maps_->fd("fg_rules"), &at, &value), 0);
        return value;
    }
    fg_rule by_id(std::uint32_t id)
    {
        for (const fg_rule &each : rules->list(boot_time_ns()))
            if (each.id == id)
                return each;
        return {};
    }
    static Packet from(const std::string &source, std::uint8_t flags = FG_TCP_ACK, std::uint16_t port = 22)
    {
        return Packet().ethernet(0x0800).ipv4(source, "10.0.0.2", FG_PROTO_TCP).tcp(4000, port, flags);
    }
    bool drops(const Packet &packet) { return run_xdp(packet) == XDP_DROP; }

    std::optional<Ruleset> rules;
};

/// With eight bytes of a TCP header: the ports, and no flags.
Packet cut_frame(Packet frame, RulePacket &packet)
{
    frame.udp(packet.key.sport, packet.key.dport);
    packet.length = static_cast<std::uint32_t>(frame.bytes().size());
    return frame;
}

/// A frame of it; what its length makes of `packet.length` is written there.
Packet frame_of(RulePacket &packet)
{
    const fg_flow_key &key = packet.key;
    const bool fragment = key.flags & FG_KEY_FRAGMENT;
    Packet frame;
    if (key.kind == FG_KIND_IPV4) {
        Packet::V4 with;
        with.fragment_offset = fragment ? 8 : 0;
        frame.ethernet(0x0800).ipv4(IpAddress(key.src).to_string(), IpAddress(key.dst).to_string(), key.proto, with);
    } else {
        frame.ethernet(0x86dd).ipv6(IpAddress(key.src).to_string(), IpAddress(key.dst).to_string(),
                                    fragment ? std::uint8_t{FG_PROTO_FRAGMENT} : key.proto);
        if (fragment)
            frame.fragment(key.proto, 8);
    }
    if (key.proto == FG_PROTO_TCP && packet.cut)
        return cut_frame(frame, packet);
    if (key.proto == FG_PROTO_TCP)
        frame.tcp(key.sport, key.dport, packet.tcp_flags);
    else if (fg_has_ports(key.proto))
        frame.udp(key.sport, key.dport);
    else
        frame.icmp(static_cast<std::uint8_t>(key.sport), static_cast<std::uint8_t>(key.dport));
    const auto length = static_cast<std::uint32_t>(frame.bytes().size());
    if (packet.length > length)
        frame.zeros(packet.length - length);
    packet.length = std::max(packet.length, length);
    return frame;
}

TEST_F(RulesTest, GiveTheVerdictOfAskingOneAfterTheOther)
{
    for (const unsigned count : {1U, 40U, 400U, 1024U}) {
        RandomRules random(count);
        const std::vector<fg_rule> slots = random.rules(count);
        for (std::uint32_t at = 0; at < FG_MAX_RULES; at++) {
            const fg_rule value = at < count ? slots[at] : fg_rule{};
            ASSERT_EQ(bpf_map_update_elem(maps_->fd("fg_rules"), &at, &value, BPF_ANY), 0);
        }
        const auto installed = rules->install();
        ASSERT_TRUE(installed) << installed.error().message;
        std::vector<std::uint64_t> hits(count);
        unsigned found = 0;
        for (int i = 0; i < 3'000; i++) {
            auto [packet, where] = random.packet(slots);
            packet.interface = "eth0";
            for (std::uint8_t *unset : {packet.key.src, packet.key.dst}) /* the other side, too, is of the family */
                if (packet.key.kind == FG_KIND_IPV4 && unset[10] == 0)
                    std::ranges::copy(IpAddress::parse("10.0.0.2")->bytes(), unset);
            const Packet frame = frame_of(packet);
            const int verdict = packet.direction == FG_RX ? run_xdp(frame) : run_egress(frame);
            const bool dropped = verdict == (packet.direction == FG_RX ? static_cast<int>(XDP_DROP) : tc_drop);
            std::optional<std::uint16_t> first;
            for (const std::uint16_t at : rule_order(slots))
                if (!first && matches(slots[at], packet))
                    first = at;
            ASSERT_EQ(dropped, first && slots[*first].action == FG_RULE_BLOCK)
                << (first ? describe_match(slots[*first].match) : "no rule");
            if (first)
                hits[*first]++;
            found += first.has_value();
        }
        for (std::uint32_t at = 0; at < count; at++)
            ASSERT_EQ(rule(at).packets, hits[at]) << describe_match(slots[at].match);
        EXPECT_GT(found, 100U);
        drain();
    }
}

TEST_F(RulesTest, TheBlocklistHasItsPlaceAmongThem)
{
    block("198.51.100.0/24");
    EXPECT_TRUE(drops(from("198.51.100.1")));
    add({{"action", "allow"}, {"target", "198.51.100.1"}});
    EXPECT_FALSE(drops(from("198.51.100.1")));
    EXPECT_TRUE(drops(from("198.51.100.2")));
    add({{"action", "allow"}, {"target", "198.51.100.2"}, {"priority", 201}});
    EXPECT_TRUE(drops(from("198.51.100.2"))) << "the blocklist comes first";
    EXPECT_TRUE(Blocklist(*maps_).recover());
    EXPECT_FALSE(drops(from("198.51.100.1"))) << "the gate is still open for rules";
}

TEST_F(RulesTest, AreAddedOnceAndGoWithoutATrace)
{
    const Json request{{"action", "block"}, {"target", "any"}, {"proto", "tcp"}, {"port", 23}};
    const std::uint32_t id = add(request);
    EXPECT_EQ(add(request), id);
    EXPECT_EQ(rules->list(boot_time_ns()).size(), 1U);
    EXPECT_TRUE(drops(from("192.0.2.1", FG_TCP_SYN, 23)));
    EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_SYN, 22)));
    EXPECT_EQ(by_id(id).dropped_packets, 1U);
    EXPECT_NE(by_id(id).last_hit, 0U);
    EXPECT_TRUE(rules->remove(std::array{id}));
    EXPECT_TRUE(rules->remove(std::array{id})) << "again";
    EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_SYN, 23)));
    EXPECT_EQ(maps_->control().rules, 0U);
    for (std::uint32_t at = 0; at < FG_MAX_RULES; at++)
        EXPECT_EQ(rule(at).id, 0U);
}

TEST_F(RulesTest, OneThatHasExpiredIsNone)
{
    const std::uint32_t id = add({{"action", "block"}, {"target", "192.0.2.1"}, {"port", 22}}, std::chrono::seconds(1));
    EXPECT_TRUE(drops(from("192.0.2.1")));
    std::this_thread::sleep_for(std::chrono::milliseconds(1'050));
    EXPECT_FALSE(drops(from("192.0.2.1"))) << "nobody has told the kernel";
    EXPECT_TRUE(rules->list(boot_time_ns()).empty());
    EXPECT_TRUE(rules->sweep(boot_time_ns()));
    EXPECT_EQ(maps_->control().rules, 0U);
    EXPECT_NE(add({{"action", "block"}, {"target", "192.0.2.1"}, {"port", 22}}), id);
}

TEST_F(RulesTest, ARuleThatAProcessDiedOverIsThereOrNotAtAll)
{
    const std::uint32_t id = add({{"action", "block"}, {"target", "any"}, {"port", 22}});
    std::uint32_t at = 0;
    fg_rule value = rule(at);
    ASSERT_EQ(value.id, id);
    value.action = FG_RULE_NONE; /* it was to be removed */
    ASSERT_EQ(bpf_map_update_elem(maps_->fd("fg_rules"), &at, &value, BPF_ANY), 0);
    EXPECT_FALSE(drops(from("192.0.2.1"))) << "from that moment on";
    value.action = FG_RULE_BLOCK; /* it was to be added */
    at = 7;
    ASSERT_EQ(bpf_map_update_elem(maps_->fd("fg_rules"), &at, &value, BPF_ANY), 0);
    EXPECT_TRUE(rules->install());
    EXPECT_TRUE(drops(from("192.0.2.1")));
    EXPECT_EQ(rule(0).id, 0U);
}

TEST_F(RulesTest, OneThatWasNotInstalledIsFoundAndInstalled)
{
    fg_rule value = parse_rule({{"action", "block"}, {"target", "any"}, {"port", 22}}).value();
    value.id = 5;
    const std::uint32_t at = 3;
    ASSERT_EQ(bpf_map_update_elem(maps_->fd("fg_rules"), &at, &value, BPF_ANY), 0);
    EXPECT_FALSE(drops(from("192.0.2.1"))) << "whoever wrote it has died";
    EXPECT_TRUE(rules->recover());
    EXPECT_TRUE(drops(from("192.0.2.1")));
    const std::uint32_t rows = maps_->control().rules;
    EXPECT_TRUE(rules->recover());
    EXPECT_EQ(maps_->control().rules, rows) << "there is nothing left to do";
    EXPECT_TRUE(rules->remove(std::array{5U}));
}

TEST_F(RulesTest, TinyFragmentsHideNoFlags)
{
    add({{"action", "limit"}, {"service", "tcp/22"}, {"rate", "1/h"}, {"burst", 1}, {"new_connections", true}});
    Packet::V4 first;
    first.fragment_offset = 0x2000; /* more follow */
    const Packet tiny = Packet().ethernet(0x0800).ipv4("192.0.2.1", "10.0.0.2", FG_PROTO_TCP, first).udp(4000, 22);
    EXPECT_FALSE(drops(tiny));
    EXPECT_TRUE(drops(tiny)) << "RFC 1858: the flags come with the next one, and may be SYN";
    EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_ACK)));
}

TEST_F(RulesTest, AFullTableIsAnError)
{
    for (std::uint32_t at = 0; at < FG_MAX_RULES; at++) {
        fg_rule value = parse_rule({{"action", "block"}, {"target", "any"}, {"port", at + 1}}).value();
        value.id = at + 1;
        ASSERT_EQ(bpf_map_update_elem(maps_->fd("fg_rules"), &at, &value, BPF_ANY), 0);
    }
    ASSERT_TRUE(rules->install());
    const auto refused = rules->add(
        {.rule = parse_rule({{"action", "block"}, {"target", "any"}, {"port", 9'999}}).value(), .lifetime = {}},
        boot_time_ns(), real_time_ns());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("1024 rules"), std::string::npos);
    EXPECT_TRUE(drops(from("192.0.2.1", FG_TCP_SYN, 1'024)));
}

/// Sends for about `seconds`, in `threads` at once; what passed, and the seconds that it took.
std::pair<double, double> passed(int program, const std::vector<Packet> &packets, double seconds, unsigned threads,
                                 const std::function<fg_rule()> &rule)
{
    const fg_rule before = rule();
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < threads; i++)
        all.emplace_back([&, i] {
            const auto &bytes = packets[i % packets.size()].bytes();
            while (std::chrono::steady_clock::now() - begin < std::chrono::duration<double>(seconds)) {
                LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(),
                            .data_size_in = static_cast<__u32>(bytes.size()), .repeat = 2'000);
                bpf_prog_test_run_opts(program, &options);
            }
        });
    all.clear();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const fg_rule after = rule();
    return {static_cast<double>((after.packets - after.dropped_packets) - (before.packets - before.dropped_packets)),
            took};
}

TEST_F(RulesTest, LimitsAreExactAlsoWhenProcessorsCompete)
{
    for (const unsigned threads : {1U, 2U})
        for (const unsigned rate : {1'000U, 100'000U}) {
            /* A bucket that is never full while a thread waits for a processor. */
            const unsigned burst = rate / 2;
            const std::uint32_t id = add(
                {{"action", "limit"}, {"rate", fmt::format("{}/s", rate)}, {"burst", burst}, {"per", "total"}});
            const auto [packets, seconds] = passed(programs_->xdp(), {from("192.0.2.1")}, 1.0, threads,
                                                   [&] { return by_id(id); });
            EXPECT_NEAR(packets / (burst + rate * seconds), 1, 0.01) << rate << "/s, " << threads << " threads";
            EXPECT_TRUE(rules->remove(std::array{id}));
            drain();
        }
}

TEST_F(RulesTest, EachSourceHasItsOwnBucket)
{
    const std::uint32_t id = add({{"action", "limit"}, {"service", "tcp/22"}, {"rate", "2/h"}, {"burst", 3}});
    for (const char *source : {"192.0.2.1", "192.0.2.2", "203.0.113.9"})
        for (int i = 0; i < 5; i++)
            EXPECT_EQ(drops(from(source)), i >= 3) << source << " " << i;
    EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_ACK, 23)));
    EXPECT_EQ(by_id(id).packets, 15U);
    EXPECT_EQ(by_id(id).dropped_packets, 6U);
}

TEST_F(RulesTest, NewConnectionsAreLimitedAndOpenOnesGoOn)
{
    add({{"action", "limit"}, {"service", "tcp/22"}, {"rate", "1/h"}, {"burst", 1}, {"new_connections", true}});
    EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_SYN)));
    EXPECT_TRUE(drops(from("192.0.2.1", FG_TCP_SYN)));
    for (int i = 0; i < 10; i++)
        EXPECT_FALSE(drops(from("192.0.2.1", FG_TCP_ACK)));
}

TEST_F(RulesTest, BytesAreLimitedAndWhatIsWithinGoesOnToTheNextRule)
{
    const std::uint32_t id = add({{"action", "limit"}, {"rate", "1kB/d"}, {"burst", 65'536}, {"per", "total"}});
    add({{"action", "block"}, {"target", "any"}, {"port", 23}, {"priority", 400}});
    const Packet packet = Packet().ethernet(0x0800).ipv4("192.0.2.1", "10.0.0.2", 17).udp(1, 2).zeros(982);
    ASSERT_EQ(packet.bytes().size(), 1'024U);
    unsigned went = 0;
    for (int i = 0; i < 100; i++)
        went += !drops(packet);
    EXPECT_EQ(went, 64U);
    EXPECT_EQ(by_id(id).dropped_bytes, 36 * 1'024U);
    EXPECT_TRUE(rules->remove(std::array{id}));
    EXPECT_TRUE(drops(from("192.0.2.1", FG_TCP_SYN, 23)));
}

TEST_F(RulesTest, SourcesBeyondTheBucketsShareOneAndAreCounted)
{
    const std::uint32_t id = add({{"action", "limit"}, {"rate", "1/d"}, {"burst", 2}});
    constexpr unsigned sources = 600'000;
    constexpr unsigned buckets = FG_BUCKET_SETS * FG_BUCKETS_IN_SET;
    for (unsigned i = 0; i < sources; i++)
        run_xdp(from(fmt::format("10.{}.{}.{}", 1 + (i >> 16), i >> 8 & 255, i & 255)));
    const fg_rule seen = by_id(id);
    EXPECT_EQ(seen.packets, sources);
    EXPECT_EQ(seen.packets - seen.dropped_packets, sources - seen.shared + 2) << "the common bucket has a burst, too";
    EXPECT_GT(sources - seen.shared, buckets * 9 / 10);
    EXPECT_FALSE(drops(from("10.1.0.0"))) << "who has a bucket keeps it";
    EXPECT_TRUE(drops(from("10.1.0.0")));
}

} // namespace
} // namespace flowguard::test
