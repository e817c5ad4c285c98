// SPDX-License-Identifier: Apache-2.0
/* Floods of completed connections, and connections that are held open. */
#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

const Endpoint server{"192.168.1.10", 80};
const std::string attacker = "203.0.113.9";

std::string many(unsigned i) { return fmt::format("203.0.{}.{}", i / 250, i % 250 + 1); }
std::uint16_t port(unsigned number) { return static_cast<std::uint16_t>(number); }

void send_request(Rig &rig, const std::string &client, unsigned client_port)
{
    rig.send(FG_PROTO_TCP, {client, port(client_port)}, server, {.packets = 5, .bytes = 800, .syn = 1, .fin = 1});
    rig.send(FG_PROTO_TCP, server, {client, port(client_port)},
             {.packets = 6, .bytes = 6000, .syn_ack = 1, .fin = 1, .max_length = 1514}, 0.01);
}

/// Opens, sends part of a request, and gets acknowledgements.
void begin_request(Rig &rig, const std::string &client, unsigned client_port)
{
    rig.send(FG_PROTO_TCP, {client, port(client_port)}, server, {.packets = 3, .bytes = 400, .syn = 1});
    rig.send(FG_PROTO_TCP, server, {client, port(client_port)}, {.packets = 2, .bytes = 140, .syn_ack = 1}, 0.01);
}

TEST(ConnectionFlood, OfConnectionsThatGetNothingAtAllIsNamedAtOnce)
{
    for (const auto &[count, expected] : {std::pair(200U, 1U), std::pair(199U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < count; i++)
            rig.send(FG_PROTO_TCP, {many(i), 4000}, server, {.packets = 3, .bytes = 400, .syn = 1});
        rig.tick();
        EXPECT_EQ(rig.incidents("dos.connection_flood").size(), expected) << count;
    }
}

TEST(ConnectionFlood, OfFewClientsIsNamedWhenItLasts)
{
    for (const auto &[rate, expected] : {std::pair(50U, 1U), std::pair(45U, 0U)}) {
        Rig rig;
        for (unsigned second = 0; second < 6; second++) {
            for (unsigned i = 0; i < rate; i++)
                for (unsigned client = 0; client < 2; client++)
                    send_request(rig, many(client), 1024 + second * 200 + i);
            rig.tick();
        }
        EXPECT_EQ(rig.incidents("dos.connection_flood").size(), expected) << rate;
    }
}

TEST(ConnectionFlood, IsNoBusyHourWithoutABaseline)
{
    Rig rig;
    for (unsigned second = 0; second < 10; second++) {
        for (unsigned i = 0; i < 1000; i++)
            send_request(rig, many(i % 400), 1024 + second * 1000 + i);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(ConnectionFlood, IsNoHealthCheckNorSlowBackend)
{
    Rig rig;
    for (unsigned second = 0; second < 15; second++) {
        for (unsigned i = 0; i < 90; i++)
            begin_request(rig, many(second * 90 + i), 4000);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(SlowConnections, AreNamedAfterTheirTime)
{
    for (const auto &[count, expected] : {std::pair(50U, 1U), std::pair(49U, 0U)}) {
        Rig rig;
        for (unsigned i = 0; i < count; i++)
            begin_request(rig, attacker, 4000 + i);
        for (int second = 0; second < 12; second++)
            rig.tick();
        const auto incidents = rig.incidents("dos.slow_connections");
        ASSERT_EQ(incidents.size(), expected) << count;
        if (expected) {
            EXPECT_EQ(incidents[0].finding.subject.source->to_string(), attacker);
            EXPECT_EQ(incidents[0].finding.observed, 50);
        }
    }
}

TEST(SlowConnections, AreNoPoolThatWasServed)
{
    Rig rig;
    for (unsigned i = 0; i < 200; i++)
        begin_request(rig, attacker, 4000 + i);
    rig.tick();
    for (unsigned i = 0; i < 200; i++)
        rig.send(FG_PROTO_TCP, server, {attacker, port(4000 + i)}, {.packets = 2, .bytes = 1600, .max_length = 1514});
    rig.tick();
    for (int second = 0; second < 100; second++)
        rig.tick();
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(SlowConnections, AreNotThoseThatEnded)
{
    Rig rig;
    for (unsigned second = 0; second < 60; second++) {
        for (unsigned i = 0; i < 5; i++) {
            begin_request(rig, attacker, 4000 + second * 5 + i);
            rig.send(FG_PROTO_TCP, {attacker, port(4000 + second * 5 + i)}, server,
                     {.packets = 1, .bytes = 60, .rst = 1}, 0.5);
        }
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

TEST(SlowConnections, AreNotHalfOpenOnes)
{
    Rig rig;
    for (unsigned second = 0; second < 15; second++) {
        for (unsigned i = 0; i < 150; i++)
            rig.send(FG_PROTO_TCP, {attacker, port(4000 + second * 150 + i)}, server,
                     {.packets = 1, .bytes = 60, .syn = 1});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.slow_connections").empty());
    EXPECT_EQ(rig.incidents("dos.syn_flood").size(), 1U);
}

TEST(VolumeSpike, IsSilentWithoutABaseline)
{
    Rig rig;
    for (int second = 0; second < 30; second++) {
        rig.send(FG_PROTO_TCP, {attacker, 443}, {"192.168.1.50", 40000},
                 {.packets = 80'000, .bytes = 120'000'000, .max_length = 1514});
        rig.send(FG_PROTO_TCP, {"192.168.1.50", 40000}, {attacker, 443}, {.packets = 40'000, .bytes = 2'640'000});
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents().empty());
}

/// 2 Mbit/s in and 100 Mbit/s out.
void serve(Rig &rig)
{
    rig.send(FG_PROTO_TCP, {attacker, 4000}, {"192.168.1.50", 443}, {.packets = 2'500, .bytes = 250'000});
    rig.send(FG_PROTO_TCP, {"192.168.1.50", 443}, {attacker, 4000},
             {.packets = 8'500, .bytes = 12'500'000, .max_length = 1514});
}

TEST(VolumeSpike, IsNotWhatOurHostsSend)
{
    Rig rig;
    for (int second = 0; second < 3'700; second++) {
        serve(rig);
        rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.volume_spike").empty());
}

TEST(VolumeSpike, OfManyHostsTogetherIsNamed)
{
    Rig rig;
    for (int second = 0; second < 3'700; second++) {
        serve(rig);
        rig.tick();
    }
    for (int second = 0; second < 15; second++) {
        for (unsigned host = 1; host < 11; host++)
            rig.send(FG_PROTO_TCP, {attacker, port(5000 + host)}, {fmt::format("192.168.2.{}", host), 443},
                     {.packets = 1'000, .bytes = 1'500'000, .max_length = 1514});
        serve(rig);
        rig.tick();
    }
    const auto incidents = rig.incidents("dos.volume_spike");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_FALSE(incidents[0].finding.subject.target);
    EXPECT_NEAR(incidents[0].finding.observed, 122e6, 1e6);
}

/// Holds `count` connections open for so long, with a byte of a header in each every 20 s.
void hold_open(Rig &rig, unsigned count, unsigned seconds)
{
    for (unsigned i = 0; i < count; i++)
        begin_request(rig, attacker, 4000 + i);
    for (unsigned second = 0; second < seconds; second++) {
        for (unsigned i = 0; i < (second % 20 == 19 ? count : 0); i++) {
            rig.send(FG_PROTO_TCP, {attacker, port(4000 + i)}, server, {.packets = 1, .bytes = 67});
            rig.send(FG_PROTO_TCP, server, {attacker, port(4000 + i)}, {.packets = 1, .bytes = 66}, 0.01);
        }
        rig.tick();
    }
}

TEST(SlowConnections, AreNotForgottenWhileTheyLast)
{
    Rig rig;
    hold_open(rig, 100, 4'000);
    const auto incidents = rig.incidents("dos.slow_connections");
    ASSERT_EQ(incidents.size(), 1U);
    EXPECT_TRUE(incidents[0].open);
    EXPECT_EQ(incidents[0].latest, 100);
}

/// The client's acknowledgements make the mean frame of a served connection as short as that of an unserved one.
TEST(SlowConnections, OneThatIsServedCountsDownOnce)
{
    Rig rig;
    hold_open(rig, 100, 15);
    const Endpoint client{attacker, 9000};
    begin_request(rig, attacker, 9000);
    rig.send(FG_PROTO_TCP, server, client, {.packets = 1, .bytes = 90, .max_length = 90}, 0.1);
    for (int second = 0; second < 60; second++) {
        rig.tick();
        rig.send(FG_PROTO_TCP, client, server, {.packets = 1, .bytes = 67});
        rig.send(FG_PROTO_TCP, server, client, {.packets = 1, .bytes = 66}, 0.01);
    }
    rig.tick();
    ASSERT_EQ(rig.incidents("dos.slow_connections").size(), 1U);
    EXPECT_EQ(rig.incidents("dos.slow_connections")[0].latest, 100);
}

/// The active timeout of the flow table ends what was counted so far, and not the connection.
TEST(SlowConnections, ThatLastForHoursEndAllTheSame)
{
    Rig rig;
    for (unsigned round = 0; round < 3; round++) {
        hold_open(rig, 30, 2'000);
        for (unsigned i = 0; i < 30; i++)
            rig.send(FG_PROTO_TCP, {attacker, port(4000 + i)}, server, {.packets = 1, .bytes = 66, .rst = 1});
        for (int second = 0; second < 10; second++)
            rig.tick();
    }
    EXPECT_TRUE(rig.incidents("dos.slow_connections").empty());
}

} // namespace
} // namespace flowguard::test
