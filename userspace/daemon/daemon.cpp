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
#include <mutex>
#include <thread>

namespace flowguard {
namespace {

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
    spdlog::set_error_handler([](const std::string &reason) {
        static std::once_flag said;
        std::call_once(said, [&reason] {
            fmt::print(stderr, "flowguard: the log cannot be written ({}); counting and blocking go on\n", reason);
        });
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
    auto attached = engine.attach(names, *mode, run.tunnels, false);
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
    paths.remove_empty_directories();
}

/// Who rotates the logs says so by SIGHUP.
void reopen_on_hangup(boost::asio::signal_set &hangups, Engine &engine)
{
    hangups.async_wait([&](const boost::system::error_code &error, int) {
        if (error)
            return;
        engine.reopen_logs();
        reopen_on_hangup(hangups, engine);
    });
}

Result<void> serve(Engine &engine, const DaemonRun &run, const Config &config, bool &detached)
{
    boost::asio::io_context io(1);
    const auto on_ending = [&](bool idle) {
        if (idle && !run.exit_when_idle)
            return false;
        detached = true;
        if (idle)
            (void)engine.detach({}, false);
        io.get_executor().post([&io] { io.stop(); }, std::allocator<void>());
        return true;
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
    boost::asio::signal_set hangups(io, SIGHUP);
    reopen_on_hangup(hangups, engine);
    auto attached = attach_first(engine, run.interfaces.empty() ? config.interfaces : run.interfaces, run);
    if (!attached)
        return std::unexpected(attached.error());
    report(run.ready_fd, attached);
    notify_service_manager("READY=1");
    {
        const Ticker ticker(engine, std::chrono::milliseconds(config.tick_ms));
        io.run();
    }
    notify_service_manager("STOPPING=1");
    engine.save();
    (*server)->close();
    return {};
}

/// Everything after the lock: what it leaves behind is removed if nothing is attached.
Result<void> run_locked(const DaemonRun &run, const Config &config, bool &attached)
{
    if (auto opened = open_log(config.log_file, run.verbose); !opened)
        return opened;
    auto engine = Engine::start(run.paths.pins, config);
    if (!engine)
        return std::unexpected(engine.error());
    bool detached = false;
    auto served = serve(**engine, run, config, detached);
    attached = !detached && (served || (*engine)->has_interfaces());
    return served;
}

} // namespace

Result<void> run_daemon(const DaemonRun &run)
{
    const auto failed = [&](const Error &error) {
        report(run.ready_fd, std::unexpected(error));
        return std::unexpected(error);
    };
    if (auto able = check_host(); !able)
        return failed(able.error());
    auto config = load_config(run.config.value_or(run.paths.config), run.config.has_value());
    if (!config)
        return failed(config.error());
    if (config->state_dir.empty())
        config->state_dir = run.paths.state.parent_path();
    auto lock = InstanceLock::take(run.paths.lock);
    if (!lock)
        return failed(lock.error());
    bool attached = false;
    auto done = run_locked(run, *config, attached);
    if (!attached)
        remove_run_files(run.paths, run.exit_when_idle);
    if (!done)
        return failed(done.error());
    return done;
}

} // namespace flowguard
