// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/peer.h"

#include <algorithm>
#include <grp.h>
#include <sys/socket.h>
#include <vector>

namespace flowguard {
namespace {

constexpr const char *read_group = "flowguard";
constexpr const char *write_group = "flowguard-admin";

std::optional<gid_t> group_id(const char *name)
{
    std::vector<char> buffer(16384);
    group entry{};
    group *found = nullptr;
    if (getgrnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
        return {};
    return found->gr_gid;
}

std::vector<gid_t> groups_of(int socket, gid_t primary)
{
    std::vector<gid_t> groups(1024);
    auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0)
        length = 0;
    groups.resize(length / sizeof(gid_t));
    groups.push_back(primary);
    return groups;
}

bool is_member(const std::vector<gid_t> &groups, const char *name)
{
    const auto id = group_id(name);
    return id && std::ranges::find(groups, *id) != groups.end();
}

} // namespace

std::optional<Peer> identify_peer(int socket)
{
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        return {};
    if (credentials.uid == 0)
        return Peer{.uid = 0, .may_write = true};
    const auto groups = groups_of(socket, credentials.gid);
    if (is_member(groups, write_group))
        return Peer{.uid = credentials.uid, .may_write = true};
    if (is_member(groups, read_group))
        return Peer{.uid = credentials.uid, .may_write = false};
    return {};
}

bool has_access_group() { return group_id(read_group) || group_id(write_group); }

} // namespace flowguard
