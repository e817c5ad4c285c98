// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/api/client.h"
#include "flowguard/api/paths.h"
#include "flowguard/core/error.h"
#include "flowguard/core/json.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace flowguard {

/// What the global options say.
struct Context {
    InstancePaths paths;
    std::optional<std::filesystem::path> config;
    bool json = false;
    bool verbose = false;
    bool quiet = false;

    Client client() const { return Client(paths.socket); }
};

/// Options are parsed into what the function has captured; it runs once they are all known.
using Run = std::function<Result<void>(const Context &)>;

/// A command: adds its options to the application's new subcommand and returns what it does.
struct Command {
    const char *name;
    const char *summary;
    Run (*build)(CLI::App &command);
};

Run build_attach(CLI::App &command);
Run build_detach(CLI::App &command);
Run build_status(CLI::App &command);
Run build_top(CLI::App &command);
Run build_flows(CLI::App &command);
Run build_block(CLI::App &command);
Run build_unblock(CLI::App &command);
Run build_blocks(CLI::App &command);
Run build_allow(CLI::App &command);
Run build_limit(CLI::App &command);
Run build_rules(CLI::App &command);
Run build_incidents(CLI::App &command);
Run build_config(CLI::App &command);
Run build_analyze(CLI::App &command);
Run build_baseline(CLI::App &command);
Run build_daemon(CLI::App &command);
Run build_feeds(CLI::App &command);
Run build_version(CLI::App &command);

} // namespace flowguard
