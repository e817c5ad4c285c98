// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"

#include <fmt/format.h>

#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace flowguard {
namespace {

constexpr std::array commands{
    Command{"attach", "Count and guard the traffic of interfaces", &build_attach},
    Command{"detach", "Take flowguard off interfaces, without a trace", &build_detach},
    Command{"status", "Show interfaces, totals, accounted share and losses", &build_status},
    Command{"top", "Watch who talks to whom, live", &build_top},
    Command{"flows", "List flows", &build_flows},
    Command{"block", "Drop an address in the kernel, before the network stack sees it", &build_block},
    Command{"unblock", "Lift a block", &build_unblock},
    Command{"blocks", "List blocks and what they have dropped", &build_blocks},
    Command{"allow", "Never drop an address, or some of its packets; or list what is allowed", &build_allow},
    Command{"limit", "Let no more through than a rate, of each source or in all; or list limits", &build_limit},
    Command{"rules", "List all policy, or write it for nftables and iptables", &build_rules},
    Command{"incidents", "List what was found wrong, and explain one of it", &build_incidents},
    Command{"analyze", "Analyse a capture file: statistics, flows, incidents", &build_analyze},
    Command{"baseline", "Show what is normal here, or learn, export, import and reset it", &build_baseline},
    Command{"feeds", "Check blacklists", &build_feeds},
    Command{"config", "Check or show the configuration", &build_config},
    Command{"daemon", "Run the daemon in the foreground", &build_daemon},
    Command{"version", "Print the version", &build_version},
};

struct GlobalOptions {
    std::string instance = "default";
    std::string config;
    bool json = false;
    bool verbose = false;
    bool quiet = false;
};

void add_global_options(CLI::App &app, GlobalOptions &options)
{
    app.add_option("--instance", options.instance,
                   "Work with this instance: its own daemon, maps, socket and configuration")
        ->envname("FLOWGUARD_INSTANCE");
    app.add_option("--config", options.config, "Read this configuration file");
    app.add_flag("--json", options.json, "Print JSON");
    app.add_flag("-v", options.verbose, "Say more");
    app.add_flag("--quiet", options.quiet, "Print nothing but errors");
}

int complain(const Error &error)
{
    fmt::print(stderr, "flowguard: {}\n", error.message);
    return static_cast<int>(error.code);
}

/// What was printed must have arrived: a report cut short by a full disk is a failure.
int finish()
{
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        return complain({ExitCode::Failed, "cannot write to standard output"});
    return static_cast<int>(ExitCode::Done);
}

int run(const Run &run_command, const GlobalOptions &options)
{
    auto paths = InstancePaths::of(options.instance);
    if (!paths)
        return complain(paths.error());
    Context context{
        .paths = *paths, .config = {}, .json = options.json, .verbose = options.verbose, .quiet = options.quiet};
    if (!options.config.empty())
        context.config = std::filesystem::absolute(options.config);
    if (auto done = run_command(context); !done) {
        std::fflush(stdout);
        return complain(done.error());
    }
    return finish();
}

int main_with(int argc, char **argv)
{
    CLI::App app("flowguard: see, understand and stop traffic on this host, in the kernel", "flowguard");
    app.require_subcommand(1);
    app.fallthrough();
    app.set_help_all_flag("--help-all", "Print help for all commands");
    GlobalOptions options;
    add_global_options(app, options);
    Run chosen;
    for (const Command &command : commands) {
        CLI::App *subcommand = app.add_subcommand(command.name, command.summary);
        subcommand->callback([&chosen, run_command = command.build(*subcommand)] { chosen = run_command; });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        const int code = app.exit(error);
        return code == 0 ? finish() : static_cast<int>(ExitCode::Usage);
    }
    return run(chosen, options);
}

} // namespace
} // namespace flowguard

int main(int argc, char **argv)
{
    std::setlocale(LC_ALL, "");
    try {
        return flowguard::main_with(argc, argv);
    } catch (const std::exception &error) {
        fmt::print(stderr, "flowguard: this should not have happened: {}\n", error.what());
        return static_cast<int>(flowguard::ExitCode::Failed);
    }
}
