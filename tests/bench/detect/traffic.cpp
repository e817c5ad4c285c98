// SPDX-License-Identifier: Apache-2.0
#include "traffic.h"

#include "flowguard/abi/parser.h"

#include <algorithm>
#include <array>

namespace flowguard::bench {
namespace {

constexpr std::uint32_t ours = 10U << 24;     ///< 10.0.0.0/8
constexpr std::uint32_t theirs = 0xC6120000U; ///< 198.18.0.0/15

struct End {
    std::uint32_t address;
    std::uint32_t port;
};

fg_flow_record record(std::uint8_t proto, End from, End to, std::uint64_t packets, std::uint32_t length)
{
    fg_flow_record made{};
    const auto put = [](std::uint8_t(&bytes)[16], std::uint32_t address) {
        bytes[10] = bytes[11] = 0xff;
        for (unsigned i = 0; i < 4; i++)
            bytes[12 + i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
    };
    put(made.key.src, from.address);
    put(made.key.dst, to.address);
    made.key.sport = static_cast<std::uint16_t>(from.port);
    made.key.dport = static_cast<std::uint16_t>(to.port);
    made.key.proto = proto;
    made.key.kind = FG_KIND_IPV4;
    made.packets = packets;
    made.bytes = packets * length;
    made.min_length = made.max_length = length;
    made.ttl = 64;
    return made;
}

void talk(std::vector<fg_flow_record> &records, std::uint8_t proto, End client, End server, bool first)
{
    fg_flow_record question = record(proto, client, server, 8, 200);
    fg_flow_record answer = record(proto, server, client, 10, 1200);
    if (proto == FG_PROTO_TCP) {
        question.tcp_flags = answer.tcp_flags = FG_TCP_ACK;
        if (first) {
            question.tcp.syn = answer.tcp.syn_ack = 1;
            question.tcp_flags |= FG_TCP_SYN;
            answer.tcp_flags |= FG_TCP_SYN;
        }
    }
    records.push_back(question);
    records.push_back(answer);
}

/// 20,000 clients of 10 services of one host.
void server(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick)
{
    constexpr std::array<std::uint32_t, 10> ports{22, 25, 53, 80, 143, 443, 993, 3306, 5432, 8080};
    talk(records, FG_PROTO_TCP, {theirs + number % 20'000, 1024 + number / 20'000}, {ours + 1, ports[number % 10]},
         tick == 0);
}

/// 1,000 of our hosts and 30,000 services of others; a tenth of the flows is new in each tick.
void gateway(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick)
{
    const std::uint32_t turn = number % 10;
    const std::uint32_t port = 1024 + number / 1000 * 61 % 60'000 + (tick + 10 - turn) / 10;
    talk(records, number % 4 == 0 ? FG_PROTO_UDP : FG_PROTO_TCP, {ours + number % 1000, port},
         {theirs + number * 7 % 30'000, number % 3 == 0 ? 80U : 443U}, tick == 0 || tick % 10 == turn);
}

/// Each flow a SYN from another address to one service.
void flood(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick)
{
    fg_flow_record syn = record(FG_PROTO_TCP, {theirs + (number * 31 + tick * 977) % 0x20000, 1024 + number % 60'000},
                                {ours + 1, 443}, 1, 74);
    syn.tcp.syn = 1;
    syn.tcp_flags = FG_TCP_SYN;
    records.push_back(syn);
}

/// Each flow a probe of another host of ours, by 100 strangers.
void scan(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick)
{
    fg_flow_record syn = record(FG_PROTO_TCP, {theirs + number % 100, 40'000 + tick},
                                {ours + number * 13 % 0x100000, 23}, 1, 74);
    syn.tcp.syn = 1;
    syn.tcp_flags = FG_TCP_SYN;
    records.push_back(syn);
}

/// 3,000 services with 33 clients each: the worst for counting distinct clients.
void crowd(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick)
{
    const std::uint32_t service = number / 33;
    talk(records, FG_PROTO_TCP, {theirs + number, 1024 + number % 60'000}, {ours + service, 443}, tick == 0);
}

} // namespace

const std::vector<Scene> &scenes()
{
    static const std::vector<Scene> all{
        {"server", "20,000 clients of 10 services of one host", server},
        {"gateway", "1,000 hosts of ours, 30,000 services of others, a tenth new each tick", gateway},
        {"flood", "SYNs from as many addresses", flood},
        {"scan", "100 strangers probe as many hosts", scan},
        {"crowd", "services with 33 clients each", crowd},
    };
    return all;
}

} // namespace flowguard::bench
