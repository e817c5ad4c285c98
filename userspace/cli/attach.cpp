// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/daemon/daemon.h"
#include "flowguard/kernel/attachment.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <unistd.h>

namespace flowguard {
namespace {

struct Options {
    std::vector<std::string> interfaces;
    std::string xdp_mode = "auto";
    std::optional<bool> tunnels;
    bool foreground = false;
    bool dry_run = false;
};

Result<Json> ask(const Context &context, const Options &options)
{
    Json request{{"interfaces", options.interfaces}, {"xdp_mode", options.xdp_mode}, {"dry_run", options.dry_run}};
    if (options.tunnels)
        request["tunnels"] = *options.tunnels;
    return context.client().post("/v1/attach", request);
}

DaemonRun daemon_run(const Context &context, const Options &options)
{
    return {.paths = context.paths,
            .version = FLOWGUARD_VERSION,
            .config = context.config,
            .interfaces = options.interfaces,
            .xdp_mode = options.xdp_mode,
            .tunnels = options.tunnels,
            .verbose = context.verbose,
            .exit_when_idle = true};
}

/// A daemon that runs is asked; else one is started.
Result<Json> attach(const Context &context, const Options &options)
{
    auto answer = ask(context, options);
    if (answer || answer.error().code != ExitCode::NotRunning)
        return answer;
    if (geteuid() != 0)
        return fail(ExitCode::Permission, "attaching needs root: run it with sudo");
    if (options.dry_run) {
        for (const std::string &name : options.interfaces)
            if (auto device = find_device(name); !device)
                return std::unexpected(device.error());
        return Json{{"changed", true}, {"interfaces", Json::array()}, {"dry_run", true}};
    }
    auto started = start_daemon(daemon_run(context, options));
    if (started || started.error().code != ExitCode::Failed)
        return started;
    /* Somebody else may have started the daemon in the same moment. */
    auto second = ask(context, options);
    return second || second.error().code != ExitCode::NotRunning ? second : started;
}

void print(const Json &answer)
{
    for (const Json &interface : answer.at("interfaces")) {
        const std::string note = interface.value("note", "");
        print_line(clean(fmt::format("{} {}: ingress {}, egress {}",
                                     answer.value("changed", false) ? "attached" : "already attached",
                                     interface.value("name", ""), interface["ingress"].value("hook", ""),
                                     interface["egress"].value("hook", ""))));
        if (!note.empty())
            print_line("  " + clean(note));
    }
}

} // namespace

Run build_attach(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.add_option("interfaces", options->interfaces, "Names of interfaces, as 'ip link' shows them")->required();
    command.add_option("--xdp-mode", options->xdp_mode, "auto: native XDP, else tc; native; generic; off: tc")
        ->capture_default_str();
    command.add_flag_function(
        "--tunnels,!--no-tunnels", [options](std::int64_t count) { options->tunnels = count > 0; },
        "Count the flows inside VXLAN, GRE, IP-in-IP and PPPoE, instead of the tunnels; without: as the configuration "
        "says");
    command.add_flag("--foreground", options->foreground, "Be the daemon, and stay in the foreground");
    command.add_flag("--dry-run", options->dry_run, "Check, and change nothing");
    return [options](const Context &context) -> Result<void> {
        if (auto mode = parse_xdp_mode(options->xdp_mode); !mode)
            return std::unexpected(mode.error());
        if (options->foreground && !options->dry_run)
            return run_daemon(daemon_run(context, *options));
        auto answer = attach(context, *options);
        if (!answer)
            return std::unexpected(answer.error());
        if (context.json)
            print_json(*answer);
        else if (!context.quiet)
            print(*answer);
        return {};
    };
}

} // namespace flowguard
