// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/daemon.h"

#include "flowguard/daemon/endpoints.h"
#include "flowguard/daemon/engine.h"
#include "flowguard/daemon/instance_lock.h"
#include "flowguard/daemon/notify.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <csignal>
#include <thread>

namespace flowguard {
namespace {

std::filesystem::path config_path(const DaemonRun &run)
{
    const std::string name = run.paths.instance == "default" ? "flowguard" : run.paths.instance;
    return run.config.value_or(std::filesystem::path("/etc/flowguard") / (name + ".toml"));
}

/// A log that cannot be written (a full disk) must not stop the guard: said once on standard error, then dropped.
Result<void> open_log(const std::string &path, bool verbose)
{
    try {
        spdlog::set_default_logger(path.empty() ? spdlog::stderr_logger_mt("flowguard")
                                                : spdlog::basic_logger_mt("flowguard", path));
    } catch (const spdlog::spdlog_ex &error) {
        return fail(ExitCode::Failed, fmt::format("cannot open the log {}: {}", path, error.what()));
    }
    spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
    spdlog::flush_on(spdlog::level::info);
    spdlog::set_error_handler([said = false](const std::string &reason) mutable {
        if (!said)
            fmt::print(stderr, "flowguard: the log cannot be written ({}); counting and blocking go on\n", reason);
        said = true;
    });
    return {};
}

/// Ticks on a thread of its own: a drain waits for the kernel, and requests must not.
class Ticker {
  public:
    Ticker(Engine &engine, std::chrono::milliseconds period)
        : thread_([this, &engine, period](const std::stop_token &stop) { run(engine, period, stop); })
    {
    }

  private:
    void run(Engine &engine, std::chrono::milliseconds period, const std::stop_token &stop)
    {
        auto next = std::chrono::steady_clock::now() + period;
        std::string last_error;
        std::unique_lock lock(mutex_);
        while (!wake_.wait_until(lock, stop, next, [] { return false; }) && !stop.stop_requested()) {
            next = std::max(next + period, std::chrono::steady_clock::now());
            const auto ticked = engine.tick();
            if (!ticked && ticked.error().message != last_error)
                spdlog::error("{}", ticked.error().message);
            last_error = ticked ? "" : ticked.error().message;
            notify_service_manager("WATCHDOG=1");
        }
    }

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;
};

/// Attaches what the command line and the configuration ask for. A daemon that was started for an attach that fails
/// leaves nothing behind.
Result<Json> attach_first(Engine &engine, std::vector<std::string> names, const DaemonRun &run)
{
    if (names.empty())
        return Json{{"changed", false}, {"interfaces", Json::array()}};
    const auto mode = parse_xdp_mode(run.xdp_mode);
    if (!mode)
        return std::unexpected(mode.error());
    auto attached = engine.attach(names, *mode, false);
    if (!attached && !engine.has_interfaces())
        (void)engine.detach({}, false);
    return attached;
}

void report(int ready_fd, const Result<Json> &result)
{
    if (ready_fd < 0)
        return;
    const Json line = result ? *result
                             : Json{{"error", result.error().message}, {"code", static_cast<int>(result.error().code)}};
    const std::string text = line.dump() + "\n";
    [[maybe_unused]] const ssize_t written = write(ready_fd, text.data(), text.size());
    close(ready_fd);
}

void remove_run_files(const InstancePaths &paths, bool with_log)
{
    std::error_code ignored;
    std::filesystem::remove(paths.socket, ignored);
    if (with_log)
        std::filesystem::remove(paths.log, ignored);
    std::filesystem::remove(paths.lock, ignored);
    std::filesystem::remove(paths.run_dir, ignored);
    if (paths.run_dir.filename() != "flowguard")
        std::filesystem::remove(paths.run_dir.parent_path(), ignored);
}

Result<void> serve(Engine &engine, const DaemonRun &run, const Config &config, bool &detached)
{
    boost::asio::io_context io(1);
    const auto on_ending = [&](bool idle) {
        if (idle && !run.exit_when_idle)
            return;
        detached = true;
        if (idle)
            (void)engine.detach({}, false);
        io.get_executor().post([&io] { io.stop(); }, std::allocator<void>());
    };
    Endpoints endpoints(engine, {run.version, run.paths.instance, on_ending});
    auto server = Server::listen(io, run.paths.socket,
                                 [&endpoints](const Request &request) { return endpoints.handle(request); });
    if (!server)
        return std::unexpected(server.error());
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code &error, int number) {
        if (error)
            return;
        spdlog::info("ending on signal {}: what is attached goes on counting and blocking", number);
        io.stop();
    });
    auto attached = attach_first(engine, run.interfaces.empty() ? config.interfaces : run.interfaces, run);
    report(run.ready_fd, attached);
    if (!attached)
        return std::unexpected(attached.error());
    notify_service_manager("READY=1");
    {
        const Ticker ticker(engine, std::chrono::milliseconds(config.tick_ms));
        io.run();
    }
    notify_service_manager("STOPPING=1");
    (*server)->close();
    return {};
}

} // namespace

Result<void> run_daemon(const DaemonRun &run)
{
    const auto prepared = [&]() -> Result<std::pair<Config, InstanceLock>> {
        if (auto able = check_host(); !able)
            return std::unexpected(able.error());
        auto config = load_config(config_path(run), run.config.has_value());
        if (!config)
            return std::unexpected(config.error());
        auto lock = InstanceLock::take(run.paths.lock);
        if (!lock)
            return std::unexpected(lock.error());
        if (auto opened = open_log(config->log_file, run.verbose); !opened)
            return std::unexpected(opened.error());
        return std::pair(std::move(*config), std::move(*lock));
    }();
    if (!prepared) {
        report(run.ready_fd, std::unexpected(prepared.error()));
        return std::unexpected(prepared.error());
    }
    const Config &config = prepared->first;
    auto engine = Engine::start(run.paths.pins, config);
    if (!engine) {
        report(run.ready_fd, std::unexpected(engine.error()));
        remove_run_files(run.paths, run.exit_when_idle);
        return std::unexpected(engine.error());
    }
    bool detached = false;
    auto served = serve(**engine, run, config, detached);
    const bool nothing_left = detached || (!served && !(*engine)->has_interfaces());
    engine->reset();
    if (nothing_left)
        remove_run_files(run.paths, run.exit_when_idle);
    return served;
}

} // namespace flowguard
