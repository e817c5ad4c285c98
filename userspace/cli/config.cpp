// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/config.h"

#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"

#include <fmt/format.h>

#include <memory>

namespace flowguard {
namespace {

Result<void> run(const Context &context, bool show)
{
    const std::filesystem::path path = context.config.value_or(context.paths.config);
    const auto config = load_config(path, context.config.has_value());
    if (!config)
        return std::unexpected(config.error());
    if (show)
        print_line(describe_config(*config));
    else if (!context.quiet)
        print_line(std::filesystem::exists(path) ? fmt::format("{} is all right", path.string())
                                                 : fmt::format("there is no {}: the defaults hold", path.string()));
    return {};
}

} // namespace

Run build_config(CLI::App &command)
{
    auto what = std::make_shared<std::string>();
    command.add_option("what", *what, "check: name mistakes; show: print detection and its parameters as in force")
        ->required()
        ->check(CLI::IsMember({"check", "show"}));
    return [what](const Context &context) { return run(context, *what == "show"); };
}

} // namespace flowguard
