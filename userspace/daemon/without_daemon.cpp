// SPDX-License-Identifier: Apache-2.0
/* Straight on the pinned maps, for when the daemon is not there. */
#include "flowguard/daemon/config.h"
#include "flowguard/daemon/daemon.h"
#include "flowguard/daemon/instance_lock.h"
#include "flowguard/daemon/policy.h"
#include "flowguard/daemon/rules.h"
#include "flowguard/kernel/attachment.h"
#include "flowguard/kernel/ruleset.h"

#include <algorithm>
#include <unistd.h>

namespace flowguard {
namespace {

/// Runs `action` on the pinned maps, under the instance lock.
template <class Action> Result<Json> with_maps(const InstancePaths &paths, Action action)
{
    if (auto able = check_host(); !able)
        return std::unexpected(able.error());
    auto maps = Maps::open(paths.pins);
    if (!maps && maps.error().code == ExitCode::NotRunning)
        return fail(ExitCode::NotRunning, "nothing is attached: run 'flowguard attach IFACE' first");
    if (!maps)
        return std::unexpected(maps.error());
    auto lock = InstanceLock::take(paths.lock);
    if (!lock)
        return std::unexpected(lock.error());
    auto rules = Ruleset::open(*maps);
    if (auto recovered = rules ? rules->recover() : std::unexpected(rules.error()); !recovered)
        return std::unexpected(recovered.error());
    return action(*maps);
}

/// Takes off and unpins everything, or what is on `names`. Returns the names that were attached.
Result<std::vector<std::string>> clean_up(const std::filesystem::path &pins, const std::vector<std::string> &names,
                                          bool dry_run)
{
    auto maps = Maps::open(pins);
    std::vector<std::string> detached;
    if (maps) {
        Attachments attachments(*maps, pins);
        for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++) {
            const std::string name = maps->interfaces[slot].name;
            if (maps->interfaces[slot].ifindex == 0 ||
                (!names.empty() && std::ranges::find(names, name) == names.end()))
                continue;
            detached.push_back(name);
            if (!dry_run)
                attachments.detach(slot);
        }
    } else if (maps.error().code == ExitCode::Permission) {
        return std::unexpected(maps.error());
    }
    if (names.empty() && !dry_run) {
        /* Maps of another version: links are found by their pins alone, and go with them. */
        std::error_code ignored;
        std::filesystem::remove_all(pins, ignored);
        std::filesystem::remove(pins.parent_path(), ignored); /* stays if another instance is in it */
    }
    return detached;
}

void remove_run_files(const InstancePaths &paths)
{
    std::error_code ignored;
    for (const auto &path : {paths.socket, paths.lock, paths.log})
        std::filesystem::remove(path, ignored);
    paths.remove_empty_directories();
}

} // namespace

Result<Json> detach_without_daemon(const InstancePaths &paths, const std::vector<std::string> &names, bool dry_run)
{
    if (auto able = check_host(); !able)
        return std::unexpected(able.error());
    auto lock = InstanceLock::take(paths.lock);
    if (!lock)
        return std::unexpected(lock.error());
    std::error_code ignored;
    const bool pinned = std::filesystem::exists(paths.pins, ignored);
    auto detached = clean_up(paths.pins, names, dry_run);
    if (!detached)
        return std::unexpected(detached.error());
    if (!dry_run && (names.empty() || !pinned))
        remove_run_files(paths);
    return Json{
        {"changed", names.empty() ? pinned : !detached->empty()}, {"interfaces", *detached}, {"ending", names.empty()}};
}

Result<Json> block_without_daemon(const InstancePaths &paths, const Json &request)
{
    return with_maps(paths, [&](Maps &maps) { return block(maps, request, getuid(), protected_addresses()); });
}

Result<Json> unblock_without_daemon(const InstancePaths &paths, const std::string &target_or_id, bool dry_run)
{
    return with_maps(paths, [&](Maps &maps) { return unblock(maps, target_or_id, dry_run); });
}

Result<Json> blocks_without_daemon(const InstancePaths &paths)
{
    return with_maps(paths, [](Maps &maps) { return list_blocks(maps); });
}

Result<Json> add_rule_without_daemon(const InstancePaths &paths, const Json &request)
{
    return with_maps(paths, [&](Maps &maps) { return add_rule(maps, request, getuid(), protected_addresses()); });
}

Result<Json> remove_rules_without_daemon(const InstancePaths &paths, const std::string &action,
                                         const std::string &which, bool dry_run)
{
    return with_maps(paths, [&](Maps &maps) { return remove_rules(maps, action, which, dry_run); });
}

Result<Json> rules_without_daemon(const InstancePaths &paths)
{
    return with_maps(paths, [](Maps &maps) { return list_rules(maps); });
}

Result<Json> export_rules_without_daemon(const InstancePaths &paths, const std::string &format)
{
    return with_maps(paths, [&](Maps &maps) { return export_rules(maps, format); });
}

} // namespace flowguard
