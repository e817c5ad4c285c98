// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/biflow.h"

#include "flowguard/abi/parser.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace flowguard {
namespace {

struct Answer {
    std::uint8_t answer;
    std::uint8_t request;
};

/* RFC 792, 950 and 1256: echo, timestamp, information, address mask, router discovery. */
constexpr std::array icmp_answers{Answer{0, 8}, Answer{14, 13}, Answer{16, 15}, Answer{18, 17}, Answer{9, 10}};
/* RFC 4443, 2710, 4861, 4620 and 6275: echo, listeners, routers, neighbours, node information, home agents. */
constexpr std::array icmpv6_answers{Answer{129, 128}, Answer{131, 130}, Answer{134, 133},
                                    Answer{136, 135}, Answer{140, 139}, Answer{145, 144}};

template <std::size_t n> std::uint8_t request_in(const std::array<Answer, n> &answers, std::uint8_t type)
{
    const auto *found = std::ranges::find(answers, type, &Answer::answer);
    return found == answers.end() ? type : found->request;
}

bool in_order(const fg_flow_key &key)
{
    const int order = std::memcmp(key.src, key.dst, sizeof key.src);
    return order < 0 || (order == 0 && (is_icmp(key.proto) || key.sport <= key.dport));
}

} // namespace

bool is_icmp(std::uint8_t proto) { return proto == FG_PROTO_ICMP || proto == FG_PROTO_ICMPV6; }

bool has_ports(std::uint8_t proto) { return fg_has_ports(proto) != 0; }

std::uint8_t icmp_request_type(std::uint8_t proto, std::uint8_t type)
{
    return proto == FG_PROTO_ICMP ? request_in(icmp_answers, type) : request_in(icmpv6_answers, type);
}

BiflowKey biflow_key(const fg_flow_key &record)
{
    BiflowKey result{record, !in_order(record)};
    fg_flow_key &key = result.key;
    if (is_icmp(key.proto))
        key.sport = icmp_request_type(key.proto, static_cast<std::uint8_t>(key.sport));
    if (!result.swapped)
        return result;
    std::swap_ranges(key.src, key.src + sizeof key.src, key.dst);
    if (!is_icmp(key.proto))
        std::swap(key.sport, key.dport);
    return result;
}

} // namespace flowguard
