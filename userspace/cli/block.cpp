// SPDX-License-Identifier: Apache-2.0
/* block, unblock and blocks: through the daemon, or as root straight on the pinned maps. */
#include "flowguard/api/message.h"
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/cli/rule_options.h"
#include "flowguard/daemon/daemon.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace flowguard {
namespace {

struct BlockOptions {
    RuleOptions rule;
    bool force = false;
};

struct UnblockOptions {
    std::string target_or_id;
    bool dry_run = false;
};

Result<Json> block_request(const BlockOptions &options)
{
    auto request = options.rule.request();
    if (!request)
        return request;
    (*request)["force"] = options.force;
    if (const char *session = std::getenv("SSH_CONNECTION")) { /* peer, its port, our address, our port */
        (*request)["session_peer"] = std::string(session, std::strcspn(session, " "));
        if (const char *last = std::strrchr(session, ' '))
            (*request)["session_port"] = static_cast<std::uint16_t>(std::strtoul(last + 1, nullptr, 10));
    }
    return request;
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
        table.add({std::to_string(block.value("id", 0)), block.value("text", block.value("target", "")),
                   block.value("directions", ""),
                   block.contains("remaining_s") ? format_duration(block.value("remaining_s", 0.0)) : "never",
                   grouped(block.value("packets", std::uint64_t{0})), grouped(block.value("bytes", std::uint64_t{0})),
                   block.value("reason", "")});
    table.print();
}

} // namespace

Run build_block(CLI::App &command)
{
    auto options = std::make_shared<BlockOptions>();
    command
        .add_option("target", options->rule.target,
                    "An IPv4 or IPv6 address, a prefix like 192.0.2.0/24, or 'any' with a condition")
        ->required();
    options->rule.add_to(command, "both");
    command.add_flag("--force", options->force, "Also a protected address, such as this host's own or the gateway");
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
