// SPDX-License-Identifier: Apache-2.0
/* block, unblock and blocks: through the daemon, or as root straight on the pinned maps. */
#include "flowguard/api/message.h"
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/daemon/daemon.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>

namespace flowguard {
namespace {

struct BlockOptions {
    std::string target;
    std::string lifetime;
    std::string reason;
    bool in = false;
    bool out = false;
    bool both = false;
    bool force = false;
    bool dry_run = false;
};

struct UnblockOptions {
    std::string target_or_id;
    bool dry_run = false;
};

/// `otherwise` runs if there is no daemon.
template <class Otherwise> Result<Json> or_without_daemon(Result<Json> answer, Otherwise otherwise)
{
    if (answer || answer.error().code != ExitCode::NotRunning || geteuid() != 0)
        return answer;
    return otherwise();
}

Result<Json> block_request(const BlockOptions &options)
{
    Json request{
        {"target", options.target}, {"reason", options.reason}, {"force", options.force}, {"dry_run", options.dry_run}};
    request["directions"] = options.in == options.out ? "both" : options.in ? "in" : "out";
    if (const char *session = std::getenv("SSH_CONNECTION"))
        request["session_peer"] = std::string(session, std::strcspn(session, " "));
    if (options.lifetime.empty())
        return request;
    const auto lifetime = parse_duration(options.lifetime);
    if (!lifetime)
        return std::unexpected(lifetime.error());
    request["for_s"] = lifetime->count();
    return request;
}

/// `verb` is what happened if something changed, `same` if not.
void print_change(const Json &answer, const char *verb, const char *same)
{
    const bool changed = answer.value("changed", false);
    const std::string target = answer.value("target",
                                            answer.contains("id") ? fmt::format("{}", answer.value("id", 0)) : "it");
    print_line(fmt::format("{}{} {}", changed && answer.value("dry_run", false) ? "would have " : "",
                           changed ? verb : same, target));
}

void print_blocks(const Json &answer)
{
    if (answer.at("blocks").empty())
        return print_line("no blocks");
    Table table({{"ID", Align::Right},
                 {"TARGET"},
                 {"DIRECTION"},
                 {"EXPIRES IN", Align::Right},
                 {"PACKETS", Align::Right},
                 {"BYTES", Align::Right},
                 {"REASON"}});
    for (const Json &block : answer.at("blocks"))
        table.add({std::to_string(block.value("id", 0)), block.value("target", ""), block.value("directions", ""),
                   block.contains("remaining_s") ? format_duration(block.value("remaining_s", 0.0)) : "never",
                   grouped(block.value("packets", std::uint64_t{0})), grouped(block.value("bytes", std::uint64_t{0})),
                   block.value("reason", "")});
    table.print();
}

Result<void> show(const Context &context, const Result<Json> &answer, const std::function<void(const Json &)> &print)
{
    if (!answer)
        return std::unexpected(answer.error());
    if (context.json)
        print_json(*answer);
    else if (!context.quiet)
        print(*answer);
    return {};
}

} // namespace

Run build_block(CLI::App &command)
{
    auto options = std::make_shared<BlockOptions>();
    command.add_option("target", options->target, "An IPv4 or IPv6 address, or a prefix like 192.0.2.0/24")->required();
    command.add_option("--for", options->lifetime, "Lift it by itself after 90s, 15m, 1h, 7d; without: never");
    auto *directions = command.add_option_group("direction");
    directions->add_flag("--in", options->in, "Only what comes from the address");
    directions->add_flag("--out", options->out, "Only what goes to the address");
    directions->add_flag("--both", options->both, "Both ways (the default)");
    directions->require_option(0, 1);
    command.add_option("--reason", options->reason, "Why, for 'flowguard blocks'");
    command.add_flag("--force", options->force, "Also a protected address, such as this host's own or the gateway");
    command.add_flag("--dry-run", options->dry_run, "Check, and change nothing");
    return [options](const Context &context) -> Result<void> {
        const auto request = block_request(*options);
        if (!request)
            return std::unexpected(request.error());
        const auto answer = or_without_daemon(context.client().post("/v1/blocks", *request),
                                              [&] { return block_without_daemon(context.paths, *request); });
        return show(context, answer, [](const Json &json) { print_change(json, "blocked", "already blocked:"); });
    };
}

Run build_unblock(CLI::App &command)
{
    auto options = std::make_shared<UnblockOptions>();
    command.add_option("target", options->target_or_id, "An address, a prefix, or an id from 'flowguard blocks'")
        ->required();
    command.add_flag("--dry-run", options->dry_run, "Check, and change nothing");
    return [options](const Context &context) -> Result<void> {
        const auto answer = or_without_daemon(
            context.client().remove("/v1/blocks/" + percent_encode(options->target_or_id),
                                    {{"dry_run", options->dry_run ? "1" : "0"}}),
            [&] { return unblock_without_daemon(context.paths, options->target_or_id, options->dry_run); });
        return show(context, answer, [](const Json &json) { print_change(json, "unblocked", "not blocked:"); });
    };
}

Run build_blocks(CLI::App &)
{
    return [](const Context &context) -> Result<void> {
        const auto answer = or_without_daemon(context.client().get("/v1/blocks"),
                                              [&] { return blocks_without_daemon(context.paths); });
        return show(context, answer, print_blocks);
    };
}

} // namespace flowguard
