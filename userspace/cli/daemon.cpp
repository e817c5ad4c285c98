// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/daemon.h"

#include "flowguard/cli/command.h"

#include <memory>

namespace flowguard {

Run build_daemon(CLI::App &command)
{
    auto run = std::make_shared<DaemonRun>();
    command.add_option("--attach", run->interfaces,
                       "Interfaces to attach at start; without: as the configuration says");
    command.add_option("--xdp-mode", run->xdp_mode, "auto, native, generic or off, for those")->capture_default_str();
    command.add_flag_function(
        "--tunnels,!--no-tunnels", [run](std::int64_t count) { run->tunnels = count > 0; },
        "Count the flows inside tunnels, or the tunnels; without: as the configuration says");
    command.add_flag("--exit-when-idle", run->exit_when_idle, "End when the last interface is detached");
    /* For `attach`, which starts the daemon and waits for its first tick. */
    command.add_option("--ready-fd", run->ready_fd)->group("");
    return [run](const Context &context) {
        run->paths = context.paths;
        run->version = FLOWGUARD_VERSION;
        run->config = context.config;
        run->verbose = context.verbose;
        return run_daemon(*run);
    };
}

} // namespace flowguard
