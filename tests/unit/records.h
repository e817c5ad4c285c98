// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/abi/parser.h"
#include "flowguard/core/flow.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace flowguard::test {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs noon = 1'800'000'000 * second;

/// A kernel record: Record("10.0.0.1", 4000, "10.0.0.2", 80).packets(3, 180).syn().
struct Record {
    fg_flow_record value{};

    Record(const std::string &source, std::uint16_t source_port, const std::string &destination,
           std::uint16_t destination_port, std::uint8_t proto = FG_PROTO_TCP)
    {
        const IpAddress from = IpAddress::parse(source).value();
        std::ranges::copy(from.bytes(), value.key.src);
        std::ranges::copy(IpAddress::parse(destination).value().bytes(), value.key.dst);
        value.key.sport = source_port;
        value.key.dport = destination_port;
        value.key.proto = proto;
        value.key.kind = from.is_v4() ? FG_KIND_IPV4 : FG_KIND_IPV6;
        packets(1, 60);
    }
    Record &packets(std::uint64_t count, std::uint64_t bytes)
    {
        value.packets = count;
        value.bytes = bytes;
        return *this;
    }
    Record &dropped()
    {
        value.dropped_packets = value.packets;
        value.dropped_bytes = value.bytes;
        return *this;
    }
    Record &flags(std::uint8_t flags)
    {
        value.tcp_flags = flags;
        value.tcp.syn = (flags & FG_TCP_SYN) && !(flags & FG_TCP_ACK);
        value.tcp.syn_ack = (flags & FG_TCP_SYN) && (flags & FG_TCP_ACK);
        value.tcp.fin = (flags & FG_TCP_FIN) != 0;
        value.tcp.rst = (flags & FG_TCP_RST) != 0;
        return *this;
    }
    Record &key_flags(std::uint8_t flags)
    {
        value.key.flags = flags;
        return *this;
    }
    Record &slot(std::uint8_t number)
    {
        value.key.slot = number;
        return *this;
    }
    Record &vlan(std::uint16_t id)
    {
        value.key.vlan[0] = id;
        return *this;
    }
};

} // namespace flowguard::test
