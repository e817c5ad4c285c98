// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/options.h"
#include "flowguard/tui/state.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace flowguard {

/// Runs a Fetch on a thread of its own. One question gives one answer; another question cancels the one under way.
/// The same question again rests until just before the next tick is due, so that little time is spent inside Fetch,
/// where a change of mind has to wait for it.
class Feed {
  public:
    struct Answer {
        TopOptions options;
        Result<Json> document;
    };

    /// `notify` is called on the thread of the feed when there is an answer to take.
    Feed(Fetch fetch, std::function<void()> notify);
    /// Stops a running fetch and waits for it.
    ~Feed();
    Feed(const Feed &) = delete;
    Feed &operator=(const Feed &) = delete;

    /// Nothing new if the same options are under way already.
    void ask(const TopRequest &request);
    void cancel();
    std::optional<Answer> take();

  private:
    using Clock = std::chrono::steady_clock;

    void run(const std::stop_token &stop);
    void keep(TopOptions options, Result<Json> document);

    const Fetch fetch_;
    const std::function<void()> notify_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::optional<TopRequest> request_;
    std::stop_source running_; ///< of request_
    std::optional<TopOptions> last_;
    Clock::time_point due_; ///< for the question last_ again
    std::optional<Answer> answer_;
    std::jthread thread_; ///< last: it uses all of the above
};

} // namespace flowguard
