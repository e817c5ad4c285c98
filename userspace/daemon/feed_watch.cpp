// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/feed_watch.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace flowguard {

FeedWatch::FeedWatch(std::vector<FeedSource> sources) : files_(std::move(sources)) {}

std::optional<Reputation> FeedWatch::poll(std::chrono::steady_clock::time_point now)
{
    if (looking_.valid()) {
        if (looking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
            return {};
        return looking_.get();
    }
    if (files_.states().empty() || (looked_ && now - *looked_ < between_looks))
        return {};
    looked_ = now;
    looking_ = std::async(std::launch::async, [this] { return look(); });
    return {};
}

std::optional<Reputation> FeedWatch::look()
{
    const bool changed = files_.refresh();
    for (const std::string &remark : files_.remarks())
        spdlog::info("{}", remark);
    if (!changed)
        return {};
    Reputation reputation = files_.reputation();
    if (reputation.left_out() > 0)
        spdlog::warn("the feeds have {} entries beyond the {} that there is room for; they are "
                     "left out",
                     reputation.left_out(), Reputation::max_entries);
    return reputation;
}

} // namespace flowguard
