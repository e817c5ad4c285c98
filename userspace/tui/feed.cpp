// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/feed.h"

#include "flowguard/tui/document.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <utility>

namespace flowguard {
namespace {

using namespace std::chrono_literals;

/// How long the same question rests after this answer.
std::chrono::milliseconds rest_after(const Result<Json> &answer)
{
    if (!answer)
        return 1s;
    const double tick_ms = std::clamp(number_at(*answer, {"tick_ms"}), 100.0, 60'000.0);
    return std::chrono::milliseconds(static_cast<int>(tick_ms * 0.9));
}

Result<Json> guarded(const Fetch &fetch, const TopRequest &request, std::stop_token stop)
{
    try {
        return fetch(request.options, request.after_tick, std::move(stop));
    } catch (const std::exception &error) {
        return fail(ExitCode::Failed, error.what());
    }
}

} // namespace

Feed::Feed(Fetch fetch, std::function<void()> notify)
    : fetch_(std::move(fetch)),
      notify_(std::move(notify)),
      thread_([this](const std::stop_token &stop) { run(stop); })
{
}

Feed::~Feed()
{
    thread_.request_stop();
    cancel();
}

void Feed::ask(const TopRequest &request)
{
    const std::lock_guard lock(mutex_);
    if (request_ && request_->options == request.options)
        return;
    running_.request_stop();
    running_ = {};
    request_ = request;
    if (last_ != request.options)
        due_ = Clock::now();
    changed_.notify_all();
}

void Feed::cancel()
{
    const std::lock_guard lock(mutex_);
    running_.request_stop();
    running_ = {};
    request_.reset();
    changed_.notify_all();
}

std::optional<Feed::Answer> Feed::take()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(answer_, {});
}

void Feed::run(const std::stop_token &stop)
{
    /* Signals are for the thread that owns the terminal. */
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);

    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return request_.has_value(); })) {
        const std::stop_token running = running_.get_token();
        changed_.wait_until(lock, stop, due_, [&] { return running.stop_requested(); });
        if (stop.stop_requested())
            return;
        if (running.stop_requested())
            continue;
        const TopRequest request = *request_;
        lock.unlock();
        Result<Json> document = guarded(fetch_, request, running);
        lock.lock();
        if (!running.stop_requested())
            keep(request.options, std::move(document));
    }
}

void Feed::keep(TopOptions options, Result<Json> document)
{
    due_ = Clock::now() + rest_after(document);
    last_ = options;
    request_.reset();
    answer_ = {std::move(options), std::move(document)};
    notify_();
}

} // namespace flowguard
