// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/policy.h"
#include "flowguard/abi/samples.h"
#include "flowguard/core/flow_table.h"
#include "flowguard/core/ip_address.h"
#include "flowguard/core/ip_prefix.h"
#include "flowguard/detect/detection.h"
#include "flowguard/feeds/feed_files.h"
#include "flowguard/outputs/eve_log.h"

#include <chrono>
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
    std::filesystem::path state_dir;     ///< of baselines and incidents; empty: the instance's own
    std::vector<IpAddress> protect;      ///< never blocked without --force
    std::vector<std::string> interfaces; ///< attached at start
    bool tunnels = false;                ///< of interfaces that are attached without a word about it
    FlowTableConfig flows;

    std::vector<IpPrefix> local; ///< our addresses beside this host's; empty: private ranges
    bool detect = true;
    std::uint32_t dns_samples = FG_SAMPLE_BUDGET; ///< of one CPU, direction and tick
    std::chrono::days keep_incidents{90};         ///< in the database
    EveLogOptions eve_log{};
    std::vector<FeedSource> feeds; ///< blacklists, read again when they change
    DetectionConfig detection;
};

/// Reads TOML. A missing file is the defaults unless `required`. Errors name line, column and key, with ExitCode::Usage.
Result<Config> load_config(const std::filesystem::path &path, bool required);

/// All that is in force, as TOML with what each key means.
std::string describe_config(const Config &config);

} // namespace flowguard
