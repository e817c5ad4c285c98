// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/api/paths.h"
#include "flowguard/core/json.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowguard {

struct DaemonRun {
    InstancePaths paths;
    std::string version;
    std::optional<std::filesystem::path> config; ///< none: the default file, if it is there
    std::vector<std::string> interfaces;
    std::string xdp_mode = "auto";
    std::optional<bool> tunnels; ///< none: as the configuration says
    bool verbose = false;
    int ready_fd = -1;           ///< gets one line of JSON when the first tick is drained, or the error
    bool exit_when_idle = false; ///< end when nothing is attached any more
};

/// Runs until SIGTERM, SIGINT or a detach of everything. A signal leaves what is attached in place: it goes on counting
/// and blocking, and the next daemon adopts it. A second daemon of an instance is refused.
Result<void> run_daemon(const DaemonRun &run);

/// Starts this executable as a daemon in the background; returns attach's answer when its first tick is drained.
Result<Json> start_daemon(const DaemonRun &run);

/// The commands that root can do while no daemon runs. Each holds the instance lock meanwhile.
Result<Json> detach_without_daemon(const InstancePaths &paths, const std::vector<std::string> &names, bool dry_run);
Result<Json> block_without_daemon(const InstancePaths &paths, const Json &request);
Result<Json> unblock_without_daemon(const InstancePaths &paths, const std::string &target_or_id, bool dry_run);
Result<Json> blocks_without_daemon(const InstancePaths &paths);
Result<Json> add_rule_without_daemon(const InstancePaths &paths, const Json &request);
Result<Json> remove_rules_without_daemon(const InstancePaths &paths, const std::string &action,
                                         const std::string &which, bool dry_run);
Result<Json> rules_without_daemon(const InstancePaths &paths);
Result<Json> export_rules_without_daemon(const InstancePaths &paths, const std::string &format);

} // namespace flowguard
