// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/daemon/daemon.h"
#include "flowguard/kernel/fd.h"

#include <fmt/format.h>

#include <memory>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace flowguard {
namespace {

struct Options {
    std::vector<std::string> interfaces;
    bool dry_run = false;
};

/// The daemon answers first and ends then: nothing must run when this command returns.
void wait_for_end(pid_t daemon)
{
    constexpr int patience_ms = 5000;
    const Fd process(static_cast<int>(syscall(SYS_pidfd_open, daemon, 0)));
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (process)
        poll(&ended, 1, patience_ms);
}

Result<Json> detach(const Context &context, const Options &options)
{
    auto answer = context.client().post("/v1/detach",
                                        {{"interfaces", options.interfaces}, {"dry_run", options.dry_run}});
    if (answer && answer->value("ending", false) && !options.dry_run)
        wait_for_end(answer->value("pid", 0));
    if (answer)
        answer->erase("pid");
    if (answer || answer.error().code != ExitCode::NotRunning)
        return answer;
    if (geteuid() != 0)
        return fail(ExitCode::Permission, "detaching needs root: run it with sudo");
    return detach_without_daemon(context.paths, options.interfaces, options.dry_run);
}

void print(const Json &answer, bool dry_run)
{
    if (answer.at("interfaces").empty())
        print_line("nothing was attached");
    for (const Json &name : answer.at("interfaces"))
        print_line(clean(fmt::format("{} {}", dry_run ? "would detach" : "detached", name.get<std::string>())));
}

} // namespace

Run build_detach(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.add_option("interfaces", options->interfaces, "Only these; without names everything, and the daemon ends");
    command.add_flag("--dry-run", options->dry_run, "Say what would be detached");
    return [options](const Context &context) -> Result<void> {
        auto answer = detach(context, *options);
        if (!answer)
            return std::unexpected(answer.error());
        if (context.json)
            print_json(*answer);
        else if (!context.quiet)
            print(*answer, options->dry_run);
        return {};
    };
}

} // namespace flowguard
