// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/feed.h"
#include "tui_document.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <stdexcept>

namespace flowguard {
namespace {

using namespace std::chrono_literals;

/// A feed whose answers are waited for.
struct Harness {
    explicit Harness(Fetch fetch) : feed(std::move(fetch), [this] { answered.release(); }) {}

    std::optional<Feed::Answer> wait() { return answered.try_acquire_for(10s) ? feed.take() : std::nullopt; }

    std::counting_semaphore<100> answered{0};
    Feed feed;
};

Json quick(std::uint64_t tick)
{
    Json document = test::flows(tick, 1, 1);
    document["tick_ms"] = 100;
    return document;
}

TEST(TuiFeed, OneQuestionOneAnswer)
{
    std::atomic<std::uint64_t> asked_after{0};
    Harness harness([&](const TopOptions &, std::uint64_t after, std::stop_token) -> Result<Json> {
        asked_after = after;
        return quick(after + 1);
    });
    EXPECT_FALSE(harness.feed.take());
    harness.feed.ask({{}, 41});
    const auto answer = harness.wait();
    ASSERT_TRUE(answer && answer->document);
    EXPECT_EQ(answer->document->at("tick"), 42);
    EXPECT_EQ(asked_after, 41U);
    EXPECT_FALSE(harness.answered.try_acquire_for(300ms)); /* not asked, not fetched */
}

TEST(TuiFeed, TheSameQuestionRestsUntilTheNextTickIsDue)
{
    Harness harness([](const TopOptions &, std::uint64_t, std::stop_token) -> Result<Json> { return quick(1); });
    harness.feed.ask({{}, 1});
    ASSERT_TRUE(harness.wait());
    const auto before = std::chrono::steady_clock::now();
    harness.feed.ask({{}, 2});
    ASSERT_TRUE(harness.wait());
    EXPECT_GE(std::chrono::steady_clock::now() - before, 60ms);
}

TEST(TuiFeed, AnotherQuestionCancelsTheOneUnderWay)
{
    std::binary_semaphore started{0};
    Harness harness([&](const TopOptions &options, std::uint64_t, std::stop_token stop) -> Result<Json> {
        if (options.by == TopBy::Remote)
            return quick(7);
        started.release();
        while (!stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        return fail(ExitCode::Failed, "stopped");
    });
    harness.feed.ask({{}, 0});
    started.acquire();
    harness.feed.ask({{.by = TopBy::Remote}, 0});
    const auto answer = harness.wait();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->options.by, TopBy::Remote);
    EXPECT_TRUE(answer->document);
    EXPECT_FALSE(harness.feed.take());
}

TEST(TuiFeed, ExceptionsAreErrors)
{
    Harness harness([](const TopOptions &, std::uint64_t, std::stop_token) -> Result<Json> {
        throw std::runtime_error("fell over");
    });
    harness.feed.ask({{}, 0});
    const auto answer = harness.wait();
    ASSERT_TRUE(answer);
    ASSERT_FALSE(answer->document);
    EXPECT_EQ(answer->document.error().message, "fell over");
}

TEST(TuiFeed, EndsWhileAFetchIsRunningOrResting)
{
    std::binary_semaphore started{0};
    {
        Harness harness([&](const TopOptions &, std::uint64_t, std::stop_token stop) -> Result<Json> {
            started.release();
            while (!stop.stop_requested())
                std::this_thread::sleep_for(1ms);
            return fail(ExitCode::Failed, "stopped");
        });
        harness.feed.ask({{}, 0});
        started.acquire();
    }
    Harness resting([](const TopOptions &, std::uint64_t, std::stop_token) -> Result<Json> {
        Json document = quick(1);
        document["tick_ms"] = 60'000;
        return document;
    });
    resting.feed.ask({{}, 0});
    ASSERT_TRUE(resting.wait());
    resting.feed.ask({{}, 1});
    resting.feed.cancel();
    resting.feed.ask({{}, 1});
}

} // namespace
} // namespace flowguard
