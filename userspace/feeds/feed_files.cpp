// SPDX-License-Identifier: Apache-2.0
#include "flowguard/feeds/feed_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace flowguard {
namespace {

std::unexpected<Error> cannot_read(const std::filesystem::path &path, std::string_view why)
{
    return fail(ExitCode::Failed, fmt::format("cannot read the feed {}: {}", path.string(), why));
}

std::string remark_on(const FeedFiles::State &state)
{
    if (!state.error.empty())
        return state.error + (state.loaded ? "; what was read of it earlier stays in force" : "; it is not used");
    const ParsedFeed &feed = state.feed;
    std::string text = fmt::format("feed {}: {} addresses and networks, {} names", state.source.name,
                                   feed.ranges.size(), feed.names.size());
    if (feed.garbage + feed.refused > 0)
        text += fmt::format("; {} lines of {} were left out, the first is line {}: {}", feed.garbage + feed.refused,
                            state.source.path.string(), feed.complaints.front().line, feed.complaints.front().what);
    if (feed.left_out > 0)
        text += fmt::format("; {} entries beyond the first {} were left out", feed.left_out, ParsedFeed::max_entries);
    return text;
}

} // namespace

Result<FeedSource> FeedSource::parse(std::string_view text)
{
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size())
        return fail(ExitCode::Usage, fmt::format("'{}' is no feed: write NAME=FILE or NAME=FILE,FORMAT", text));
    FeedSource source{.name = std::string(text.substr(0, equals)),
                      .path = text.substr(equals + 1),
                      .syntax = {},
                      .given = std::string(text)};
    if (const auto comma = text.rfind(','); comma != std::string_view::npos && comma > equals) {
        auto syntax = FeedSyntax::parse(text.substr(comma + 1));
        if (!syntax)
            return std::unexpected(std::move(syntax.error()));
        source.path = text.substr(equals + 1, comma - equals - 1);
        source.syntax = std::move(*syntax);
    }
    return source;
}

Result<ParsedFeed> load_feed(const std::filesystem::path &path, const FeedSyntax &syntax)
{
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
        return cannot_read(path, "it is a directory; name a file");
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return cannot_read(path, std::strerror(errno));
    std::string text;
    std::string part(1UL << 20, '\0');
    while (file.read(part.data(), static_cast<std::streamsize>(part.size())), file.gcount() > 0) {
        text.append(part, 0, static_cast<std::size_t>(file.gcount()));
        if (text.size() > max_feed_bytes)
            return cannot_read(path, fmt::format("it is larger than {} MB; split it", max_feed_bytes >> 20));
    }
    if (file.bad())
        return cannot_read(path, std::strerror(errno));
    return parse_feed(text, syntax);
}

std::optional<FeedFiles::Stamp> FeedFiles::Stamp::of(const std::filesystem::path &path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return {};
    std::error_code error;
    return Stamp{.time = std::filesystem::last_write_time(path, error),
                 .size = static_cast<std::uintmax_t>(status.st_size),
                 .inode = status.st_ino};
}

FeedFiles::FeedFiles(std::vector<FeedSource> sources) : stamps_(sources.size())
{
    for (FeedSource &source : sources)
        states_.push_back({.source = std::move(source), .feed = {}, .error = "not read yet"});
}

bool FeedFiles::refresh()
{
    bool read = false;
    remarks_.clear();
    for (std::size_t i = 0; i < states_.size(); i++) {
        State &state = states_[i];
        const auto stamp = Stamp::of(state.source.path);
        if (state.tried && stamps_[i] == stamp)
            continue;
        stamps_[i] = stamp;
        state.tried = true;
        auto feed = load_feed(state.source.path, state.source.syntax);
        state.error = feed ? "" : feed.error().message;
        if (feed) {
            state.feed = std::move(*feed);
            state.loaded = true;
            read = true;
        }
        remarks_.push_back(remark_on(state));
    }
    return read;
}

Reputation FeedFiles::reputation() const
{
    std::vector<NamedFeed> feeds;
    for (const State &state : states_)
        feeds.push_back({.name = state.source.name, .feed = &state.feed});
    return Reputation(feeds);
}

} // namespace flowguard
