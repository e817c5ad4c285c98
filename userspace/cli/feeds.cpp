// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/feeds/feed_files.h"

#include <fmt/format.h>

#include <memory>

namespace flowguard {
namespace {

struct Options {
    std::string file;
    std::string format = "plain";
};

Json to_json(const Options &options, const ParsedFeed &feed, const Reputation &reputation)
{
    Json complaints = Json::array();
    for (const FeedComplaint &each : feed.complaints)
        complaints.push_back({{"line", each.line}, {"what", each.what}});
    return {{"file", options.file},        {"format", options.format},
            {"lines", feed.lines},         {"addresses", feed.ranges.size()},
            {"names", feed.names.size()},  {"garbage", feed.garbage},
            {"refused", feed.refused},     {"entries", reputation.entries()},
            {"bytes", reputation.bytes()}, {"left_out", feed.left_out + reputation.left_out()},
            {"complaints", complaints}};
}

void print(const Options &options, const ParsedFeed &feed, const Reputation &reputation)
{
    print_line(fmt::format("{}: {} lines, {} addresses, networks and ranges, {} names", options.file, feed.lines,
                           feed.ranges.size(), feed.names.size()));
    print_line(
        fmt::format("in memory: {} entries without overlap, {} bytes", reputation.entries(), reputation.bytes()));
    if (const auto left_out = feed.left_out + reputation.left_out(); left_out > 0)
        print_line(fmt::format("left out: {} entries beyond {}", left_out, Reputation::max_entries));
    if (feed.garbage > 0)
        print_line(fmt::format("not understood: {} lines", feed.garbage));
    if (feed.refused > 0)
        print_line(
            fmt::format("refused: {} entries that would blacklist more than somebody's addresses", feed.refused));
    for (const FeedComplaint &each : feed.complaints)
        print_line(fmt::format("  line {}: {}", each.line, each.what));
    if (feed.garbage + feed.refused > feed.complaints.size())
        print_line(fmt::format("  and {} more", feed.garbage + feed.refused - feed.complaints.size()));
}

Result<void> check(const Context &context, const Options &options)
{
    const auto syntax = FeedSyntax::parse(options.format);
    if (!syntax)
        return std::unexpected(syntax.error());
    const auto feed = load_feed(options.file, *syntax);
    if (!feed)
        return std::unexpected(feed.error());
    const NamedFeed named{.name = options.file, .feed = &*feed};
    const Reputation reputation({&named, 1});
    if (context.json)
        print_json(to_json(options, *feed, reputation));
    else if (!context.quiet)
        print(options, *feed, reputation);
    if (feed->ranges.empty() && feed->names.empty())
        return fail(ExitCode::Failed,
                    fmt::format("{} has no entry that can be used as format {}; see the complaints, or "
                                "give another --format",
                                options.file, options.format));
    return {};
}

} // namespace

Run build_feeds(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.require_subcommand(1);
    CLI::App *checking = command.add_subcommand("check", "Read a blacklist, and say what of it can be used");
    checking->add_option("FILE", options->file, "The list")->required();
    checking
        ->add_option(
            "--format", options->format,
            "plain, drop, netset (addresses, networks, ranges), hosts, domains, csv, csv:COLUMN (number or name)")
        ->capture_default_str();
    return [options](const Context &context) { return check(context, *options); };
}

} // namespace flowguard
