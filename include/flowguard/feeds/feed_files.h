// SPDX-License-Identifier: Apache-2.0
/* Blacklists in files: read when they change. */
#pragma once

#include "flowguard/detect/reputation.h"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowguard {

struct FeedSource {
    std::string name; ///< that incidents give
    std::filesystem::path path;
    FeedSyntax syntax;
    std::string given{}; ///< as it was written

    /// "NAME=FILE" or "NAME=FILE,FORMAT". An error has ExitCode::Usage.
    static Result<FeedSource> parse(std::string_view text);
};

/// An error says why the file cannot be read, or that it is larger than `max_feed_bytes`.
Result<ParsedFeed> load_feed(const std::filesystem::path &path, const FeedSyntax &syntax);
constexpr std::size_t max_feed_bytes = 256UL << 20;

/// The feeds of a configuration. A file that cannot be read any more keeps what was read before.
class FeedFiles {
  public:
    explicit FeedFiles(std::vector<FeedSource> sources);

    /// Reads files whose time, size or inode changed since the last call. True if anything was read: the reputation is
    /// another one then.
    bool refresh();
    /// Of each feed that was read, or failed to be, in the latest refresh(): what an administrator should know.
    const std::vector<std::string> &remarks() const { return remarks_; }
    Reputation reputation() const;

    struct State {
        FeedSource source;
        ParsedFeed feed;
        bool tried = false;
        bool loaded = false; ///< at some time: `feed` is of then
        std::string error;   ///< of the latest attempt; empty: it was read
    };
    const std::vector<State> &states() const { return states_; }

  private:
    struct Stamp {
        std::filesystem::file_time_type time;
        std::uintmax_t size = 0;
        ino_t inode = 0;

        bool operator==(const Stamp &) const = default;
        static std::optional<Stamp> of(const std::filesystem::path &path);
    };

    std::vector<State> states_;
    std::vector<std::string> remarks_;
    std::vector<std::optional<Stamp>> stamps_; ///< of what was read, or failed to be
};

} // namespace flowguard
