// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/feeds/feed_files.h"

#include <chrono>
#include <future>
#include <optional>
#include <vector>

namespace flowguard {

/// Reads feeds when their files change, beside the tick: a million lines take longer than a tick may.
class FeedWatch {
  public:
    explicit FeedWatch(std::vector<FeedSource> sources);

    /// What is in force from now on, once after each change. To be called each tick; looks at the files every
    /// `between_looks`, and logs what it read or could not read.
    std::optional<Reputation> poll(std::chrono::steady_clock::time_point now);

    static constexpr std::chrono::seconds between_looks{10};

  private:
    std::optional<Reputation> look();

    FeedFiles files_; ///< only `looking_` touches it while it runs
    std::future<std::optional<Reputation>> looking_;
    std::optional<std::chrono::steady_clock::time_point> looked_;
};

} // namespace flowguard
