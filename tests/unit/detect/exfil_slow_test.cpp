// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.h"
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const std::string host = "192.168.1.20";

struct Habit {
    std::string peer = "203.0.113.80";
    std::uint64_t out = 1'000'000; ///< bytes at a time
    std::uint64_t in = 60'000;
    int every = 5; ///< minutes
    bool named = false;
};

/// So many hours in which the host looks names up and keeps a habit, minute by minute.
std::vector<Incident> watch(int hours, const Habit &habit)
{
    Rig rig;
    rig.dns(dns_response(host, "192.168.1.1", "www.example.com", 1, {203, 0, 113, 1}));
    if (habit.named)
        rig.dns(dns_response(host, "192.168.1.1", "log.example.com", 1, {203, 0, 113, 80}));
    for (int i = 0; i < 20; i++)
        rig.tick(60);
    for (int minute = 0; minute < 60 * hours; minute++) {
        if (minute % habit.every == 0) {
            const auto port = static_cast<std::uint16_t>(40'000 + minute);
            rig.send(FG_PROTO_TCP, {host, port}, {habit.peer, 443},
                     {.packets = habit.out / 1000 + 4, .bytes = habit.out, .syn = 1, .fin = 1});
            rig.send(FG_PROTO_TCP, {habit.peer, 443}, {host, port},
                     {.packets = habit.out / 2000 + 4, .bytes = habit.in, .syn_ack = 1, .fin = 1}, 0.1);
        }
        rig.tick(60);
    }
    return rig.incidents("exfil.slow");
}

TEST(ExfilSlow, ThatAddsUpIsNamed)
{
    const auto incidents = watch(6, {});
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.source->to_string(), host);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), "203.0.113.80");
    EXPECT_EQ(incidents[0].finding.subject.port, 443);
    EXPECT_GE(incidents[0].finding.observed, 50e6);
}

TEST(ExfilSlow, ThatIsSmallOrShortIsNone)
{
    EXPECT_TRUE(watch(6, {.out = 500'000}).empty());
    EXPECT_TRUE(watch(3, {.out = 10'000'000}).empty());
}

TEST(ExfilSlow, ThatIsAConversationIsNone) { EXPECT_TRUE(watch(6, {.in = 300'000}).empty()); }

TEST(ExfilSlow, ToALookedUpNameIsNone) { EXPECT_TRUE(watch(6, {.named = true}).empty()); }

TEST(ExfilSlow, Inside) { EXPECT_TRUE(watch(6, {.peer = "192.168.1.9"}).empty()); }

TEST(ExfilSlow, NowAndThenIsNone) { EXPECT_TRUE(watch(12, {.out = 10'000'000, .every = 60}).empty()); }

TEST(ExfilSlow, IsNamedAmongManyPeers)
{
    Rig rig;
    rig.dns(dns_response(host, "192.168.1.1", "www.example.com", 1, {203, 0, 113, 1}));
    for (int i = 0; i < 20; i++)
        rig.tick(60);
    for (unsigned minute = 0; minute < 360; minute++) {
        for (unsigned i = 0; i < 100; i++) {
            const std::string peer = fmt::format("198.{}.{}.{}", 18 + minute / 250, minute % 250, i);
            rig.send(FG_PROTO_UDP, {host, 50'000}, {peer, 6881}, {.packets = 10, .bytes = 5'000});
            rig.send(FG_PROTO_UDP, {peer, 6881}, {host, 50'000}, {.packets = 10, .bytes = 1'000}, 0.1);
        }
        rig.send(FG_PROTO_UDP, {host, 40'000}, {"203.0.113.80", 9000}, {.packets = 300, .bytes = 300'000});
        rig.send(FG_PROTO_UDP, {"203.0.113.80", 9000}, {host, 40'000}, {.packets = 30, .bytes = 3'000}, 0.1);
        rig.tick(60);
    }
    const auto incidents = rig.incidents("exfil.slow");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_EQ(incidents[0].finding.subject.target->to_string(), "203.0.113.80");
}

} // namespace
} // namespace flowguard::test
