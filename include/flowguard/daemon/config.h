// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow_table.h"
#include "flowguard/core/ip_address.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowguard {

struct Config {
    std::optional<std::uint32_t> capacity;        ///< records per CPU, direction and epoch; none: by CPUs and memory
    std::uint32_t max_blocks = FG_DEFAULT_BLOCKS; ///< addresses, and prefixes, that can be blocked
    unsigned tick_ms = 1000;
    std::string log_file;                ///< empty: standard error
    std::vector<IpAddress> protect;      ///< never blocked without --force
    std::vector<std::string> interfaces; ///< attached at start
    bool tunnels = false;                ///< of interfaces that are attached without a word about it
    FlowTableConfig flows;
};

/// Reads TOML. A missing file is the defaults unless `required`. Errors name line, column and key, with ExitCode::Usage.
Result<Config> load_config(const std::filesystem::path &path, bool required);

} // namespace flowguard
