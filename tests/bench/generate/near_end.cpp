// SPDX-License-Identifier: Apache-2.0
#include "near_end.h"

#include "flowguard/kernel/fd.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace flowguard::bench {
namespace {

/// Empty for a device without a driver name.
std::string driver_of(const Fd &socket_fd, ifreq request)
{
    ethtool_drvinfo driver{};
    driver.cmd = ETHTOOL_GDRVINFO;
    request.ifr_data = reinterpret_cast<char *>(&driver);
    if (ioctl(socket_fd.get(), SIOCETHTOOL, &request) != 0)
        return {};
    return driver.driver;
}

} // namespace

Result<NearEnd> find_near_end(const std::string &name)
{
    NearEnd near_end{.name = name, .ifindex = if_nametoindex(name.c_str())};
    if (name.size() >= IFNAMSIZ || near_end.ifindex == 0)
        return fail(ExitCode::Failed,
                    fmt::format("there is no network interface '{}' in this namespace; 'ip link' lists them", name));
    const Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (driver_of(socket_fd, request) != "veth")
        return fail(ExitCode::Failed, fmt::format("{} is not a veth device, and a flood must not get out of a "
                                                  "namespace; make one with 'ip link add test0 type veth'",
                                                  name));
    if (ioctl(socket_fd.get(), SIOCGIFMTU, &request) == 0)
        near_end.mtu = static_cast<unsigned>(request.ifr_mtu);
    if (ioctl(socket_fd.get(), SIOCGIFHWADDR, &request) == 0)
        std::copy_n(request.ifr_hwaddr.sa_data, near_end.mac.size(), near_end.mac.begin());
    if (ioctl(socket_fd.get(), SIOCGIFFLAGS, &request) != 0 || near_end.mtu == 0)
        return fail(ExitCode::Failed, fmt::format("cannot read the settings of {}: {}", name, std::strerror(errno)));
    if ((request.ifr_flags & IFF_UP) == 0)
        return fail(ExitCode::Failed, fmt::format("{} is down; 'ip link set {} up' first, its peer too", name, name));
    return near_end;
}

} // namespace flowguard::bench
