// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/device.h"

#include "flowguard/kernel/fd.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <optional>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace flowguard {
namespace {

constexpr std::uint16_t ssh_port = 22;
constexpr unsigned tcp_established = 1; /* net/tcp_states.h */

Result<fg_link> link_of(unsigned short hardware, const std::string &name)
{
    switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
        return FG_LINK_ETHERNET;
    case ARPHRD_NONE:
    case ARPHRD_PPP:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
        return FG_LINK_RAW_IP;
    default:
        return fail(ExitCode::Failed, fmt::format("{} has link type {}, which flowguard does not read; attach to an "
                                                  "Ethernet or IP device",
                                                  name, hardware));
    }
}

std::optional<IpAddress> from_sockaddr(const sockaddr *address)
{
    if (address && address->sa_family == AF_INET) {
        std::uint8_t bytes[4];
        std::memcpy(bytes, &reinterpret_cast<const sockaddr_in *>(address)->sin_addr, sizeof bytes);
        return IpAddress::from_v4(bytes);
    }
    if (address && address->sa_family == AF_INET6) {
        std::uint8_t bytes[16];
        std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr, sizeof bytes);
        return IpAddress(bytes);
    }
    return {};
}

/// /proc prints addresses as 32-bit words in host order.
std::optional<IpAddress> from_proc_words(const std::string &hex)
{
    std::uint8_t bytes[16]{};
    if (hex.size() != 8 && hex.size() != 32)
        return {};
    for (std::size_t word = 0; word < hex.size() / 8; word++) {
        const auto value = static_cast<std::uint32_t>(std::strtoul(hex.substr(word * 8, 8).c_str(), nullptr, 16));
        std::memcpy(bytes + word * 4, &value, 4);
    }
    return hex.size() == 8 ? IpAddress::from_v4(bytes) : IpAddress(bytes);
}

void add_gateways_v4(std::vector<Protected> &list)
{
    std::ifstream routes("/proc/self/net/route");
    std::string line;
    std::getline(routes, line);
    while (std::getline(routes, line)) {
        std::istringstream fields(line);
        std::string device, destination, gateway;
        fields >> device >> destination >> gateway;
        if (destination == "00000000" && gateway != "00000000")
            if (auto address = from_proc_words(gateway))
                list.push_back({*address, "the default gateway"});
    }
}

void add_gateways_v6(std::vector<Protected> &list)
{
    std::ifstream routes("/proc/self/net/ipv6_route");
    std::string line;
    while (std::getline(routes, line)) {
        std::istringstream fields(line);
        std::string destination, length, source, source_length, gateway;
        fields >> destination >> length >> source >> source_length >> gateway;
        if (length != "00" || gateway.size() != 32 || gateway == std::string(32, '0'))
            continue;
        std::uint8_t bytes[16];
        for (std::size_t i = 0; i < 16; i++)
            bytes[i] = static_cast<std::uint8_t>(std::strtoul(gateway.substr(i * 2, 2).c_str(), nullptr, 16));
        list.push_back({IpAddress(bytes), "the default gateway"});
    }
}

void add_resolvers(std::vector<Protected> &list)
{
    std::ifstream file("/etc/resolv.conf");
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string word, server;
        fields >> word >> server;
        if (word != "nameserver")
            continue;
        if (auto address = IpAddress::parse(server.substr(0, server.find('%'))))
            list.push_back({*address, "a DNS resolver of this host"});
    }
}

void add_ssh_peers(std::vector<Protected> &list, const char *path)
{
    std::ifstream sockets(path);
    std::string line;
    std::getline(sockets, line);
    while (std::getline(sockets, line)) {
        std::istringstream fields(line);
        std::string number, local, remote, state;
        fields >> number >> local >> remote >> state;
        const std::size_t local_colon = local.find(':');
        const std::size_t remote_colon = remote.find(':');
        if (local_colon == std::string::npos || remote_colon == std::string::npos ||
            std::strtoul(state.c_str(), nullptr, 16) != tcp_established ||
            std::strtoul(local.c_str() + local_colon + 1, nullptr, 16) != ssh_port)
            continue;
        if (auto address = from_proc_words(remote.substr(0, remote_colon)))
            list.push_back({*address, "the peer of a live SSH session", ssh_port});
    }
}

/// What the device does to VLAN tags; a device that does not say does nothing.
std::uint32_t vlan_offloads(int socket_fd, ifreq request)
{
    ethtool_value flags{.cmd = ETHTOOL_GFLAGS, .data = 0};
    request.ifr_data = reinterpret_cast<char *>(&flags);
    if (ioctl(socket_fd, SIOCETHTOOL, &request) != 0)
        return 0;
    return ((flags.data & ETH_FLAG_RXVLAN) ? std::uint32_t{FG_DEVICE_STRIPS_TAGS} : 0U) |
           ((flags.data & ETH_FLAG_TXVLAN) ? std::uint32_t{FG_DEVICE_INSERTS_TAGS} : 0U);
}

} // namespace

std::uint32_t ifindex_of(const std::string &name) { return if_nametoindex(name.c_str()); }

Result<Device> find_device(const std::string &name)
{
    Device device{.name = name, .ifindex = ifindex_of(name)};
    if (name.empty() || name.size() >= IFNAMSIZ || device.ifindex == 0)
        return fail(ExitCode::Failed, fmt::format("there is no network interface '{}'; 'ip link' lists them", name));
    const Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(socket_fd.get(), SIOCGIFFLAGS, &request) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot read the flags of {}: {}", name, std::strerror(errno)));
    device.up = (request.ifr_flags & IFF_UP) != 0;
    device.vlan_offloads = vlan_offloads(socket_fd.get(), request);
    if (ioctl(socket_fd.get(), SIOCGIFHWADDR, &request) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot read the link type of {}: {}", name, std::strerror(errno)));
    auto link = link_of(request.ifr_hwaddr.sa_family, name);
    if (!link)
        return std::unexpected(link.error());
    device.link = *link;
    return device;
}

std::set<IpAddress> own_addresses()
{
    std::set<IpAddress> own;
    ifaddrs *list = nullptr;
    if (getifaddrs(&list) != 0)
        return own;
    for (const ifaddrs *entry = list; entry; entry = entry->ifa_next)
        if (auto address = from_sockaddr(entry->ifa_addr))
            own.insert(*address);
    freeifaddrs(list);
    return own;
}

std::vector<Protected> protected_addresses()
{
    std::vector<Protected> list;
    for (const IpAddress &address : own_addresses())
        list.push_back({address, "an address of this host"});
    add_gateways_v4(list);
    add_gateways_v6(list);
    add_resolvers(list);
    add_ssh_peers(list, "/proc/self/net/tcp");
    add_ssh_peers(list, "/proc/self/net/tcp6");
    if (const char *session = std::getenv("SSH_CONNECTION")) {
        const std::string text(session);
        if (auto address = IpAddress::parse(text.substr(0, text.find(' '))))
            list.push_back({*address, "your own SSH session", ssh_port});
    }
    return list;
}

} // namespace flowguard
