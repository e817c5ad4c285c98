// SPDX-License-Identifier: Apache-2.0
/* A daemon in the background, and the answer of its first tick. */
#include "flowguard/daemon/daemon.h"
#include "flowguard/kernel/fd.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

namespace flowguard {
namespace {

constexpr int ready_descriptor = 3;
constexpr int start_timeout_ms = 20'000;

std::vector<std::string> arguments(const DaemonRun &run)
{
    std::vector<std::string> list{"flowguard", "--instance", run.paths.instance};
    if (run.config)
        list.insert(list.end(), {"--config", run.config->string()});
    if (run.verbose)
        list.emplace_back("-v");
    list.insert(list.end(), {"daemon", "--exit-when-idle", "--ready-fd", std::to_string(ready_descriptor), "--xdp-mode",
                             run.xdp_mode});
    if (run.tunnels)
        list.emplace_back(*run.tunnels ? "--tunnels" : "--no-tunnels");
    for (const std::string &name : run.interfaces)
        list.insert(list.end(), {"--attach", name});
    return list;
}

/// Own session, no terminal, standard error into the instance's log.
Result<pid_t> spawn(const DaemonRun &run, int ready)
{
    const std::string log = run.paths.log.string();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_adddup2(&actions, ready, ready_descriptor);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640);
    const std::vector<std::string> list = arguments(run);
    std::vector<char *> argv;
    for (const std::string &argument : list)
        argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0)
        return fail(ExitCode::Failed, fmt::format("cannot start the daemon: {}", std::strerror(error)));
    return pid;
}

Result<std::string> read_line(int fd)
{
    std::string text;
    std::array<char, 4096> chunk{};
    while (text.find('\n') == std::string::npos) {
        pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
        if (poll(&wait, 1, start_timeout_ms) == 0)
            return fail(ExitCode::Failed, "the daemon did not answer within 20 s");
        const ssize_t length = read(fd, chunk.data(), chunk.size());
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return fail(ExitCode::Failed, "the daemon ended before it was ready");
        text.append(chunk.data(), static_cast<std::size_t>(length));
    }
    return text;
}

/// After a start that failed; a lock file means that another daemon lives here.
void remove_unused(const InstancePaths &paths)
{
    std::error_code ignored;
    if (std::filesystem::exists(paths.lock, ignored))
        return;
    std::filesystem::remove(paths.log, ignored);
    paths.remove_empty_directories();
}

} // namespace

Result<Json> start_daemon(const DaemonRun &run)
{
    std::array<int, 2> ends{};
    std::error_code error;
    std::filesystem::create_directories(run.paths.run_dir, error);
    if (error)
        return fail(error == std::errc::permission_denied ? ExitCode::Permission : ExitCode::Failed,
                    fmt::format("cannot make {}: {}; run as root", run.paths.run_dir.string(), error.message()));
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    const Fd reader(fcntl(ends[0], F_DUPFD_CLOEXEC, ready_descriptor + 1));
    Fd writer(fcntl(ends[1], F_DUPFD_CLOEXEC, ready_descriptor + 1));
    close(ends[0]);
    close(ends[1]);
    auto pid = spawn(run, writer.get());
    if (!pid)
        return std::unexpected(pid.error());
    writer.reset();
    auto line = read_line(reader.get());
    if (!line) {
        line.error().message += fmt::format("; {} says why", run.paths.log.string());
        return std::unexpected(line.error());
    }
    Json answer = Json::parse(*line, nullptr, false);
    if (!answer.is_object())
        return fail(ExitCode::Failed,
                    fmt::format("the daemon's answer makes no sense; {} says more", run.paths.log.string()));
    if (answer.contains("error")) {
        waitpid(*pid, nullptr, 0);
        remove_unused(run.paths);
        return fail(static_cast<ExitCode>(answer.value("code", 1)), answer.value("error", ""));
    }
    return answer;
}

} // namespace flowguard
