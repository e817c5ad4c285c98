// SPDX-License-Identifier: Apache-2.0
/*
 * Ports of the services that US-CERT alert TA14-017A ("UDP-Based Amplification Attacks") lists, and of those that were
 * found since.
 */
#include "flowguard/detect/metrics.h"

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

struct Reflector {
    std::uint16_t port;
    std::string_view name;
};

constexpr std::array reflectors{
    Reflector{7, "echo"},
    Reflector{13, "daytime"},
    Reflector{17, "QOTD"},
    Reflector{19, "chargen"},
    Reflector{53, "DNS"},
    Reflector{69, "TFTP"},
    Reflector{111, "portmapper"},
    Reflector{123, "NTP"},
    Reflector{137, "NetBIOS"},
    Reflector{161, "SNMP"},
    Reflector{177, "XDMCP"},
    Reflector{389, "CLDAP"},
    Reflector{427, "SLP"},
    Reflector{520, "RIP"},
    Reflector{523, "DB2"},
    Reflector{623, "IPMI"},
    Reflector{1194, "OpenVPN"},
    Reflector{1434, "SQL Server browser"},
    Reflector{1604, "Citrix ICA"},
    Reflector{1900, "SSDP"},
    Reflector{2362, "digiman"},
    Reflector{3283, "Apple Remote Desktop"},
    Reflector{3389, "RDP"},
    Reflector{3478, "STUN"},
    Reflector{3702, "WS-Discovery"},
    Reflector{5060, "SIP"},
    Reflector{5093, "Sentinel"},
    Reflector{5351, "NAT-PMP"},
    Reflector{5353, "mDNS"},
    Reflector{5683, "CoAP"},
    Reflector{10001, "Ubiquiti discovery"},
    Reflector{10074, "Mitel"},
    Reflector{11211, "memcached"},
    Reflector{17185, "VxWorks debugger"},
    Reflector{20800, "game server"},
    Reflector{27015, "Source game server"},
    Reflector{27960, "Quake game server"},
    Reflector{30120, "FiveM game server"},
    Reflector{30718, "Lantronix"},
    Reflector{32414, "Plex"},
    Reflector{33848, "Jenkins"},
    Reflector{37020, "Hikvision"},
    Reflector{37810, "DVR"},
    Reflector{47808, "BACnet"},
};
static_assert(std::ranges::is_sorted(reflectors, {}, &Reflector::port));

/// One bit per port: it is asked for each flow of a tick.
constexpr auto bits = [] {
    std::array<std::uint64_t, 1024> set{};
    for (const Reflector &each : reflectors)
        set.at(each.port / 64U) |= 1ULL << (each.port % 64U);
    return set;
}();

} // namespace

bool reflects(std::uint16_t port) { return bits.at(port / 64U) >> (port % 64U) & 1; }

std::string_view reflector_name(std::uint16_t port)
{
    const auto *found = std::ranges::lower_bound(reflectors, port, {}, &Reflector::port);
    return found == reflectors.end() || found->port != port ? std::string_view() : found->name;
}

} // namespace flowguard
