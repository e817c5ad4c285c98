// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <filesystem>
#include <string>

namespace flowguard {

/// Where an instance lives.
struct InstancePaths {
    std::string instance;
    std::filesystem::path pins;    ///< /sys/fs/bpf/flowguard/NAME
    std::filesystem::path run_dir; ///< /run/flowguard, or /run/flowguard/NAME for an instance other than "default"
    std::filesystem::path socket;
    std::filesystem::path lock;
    std::filesystem::path log;    ///< of a daemon in the background
    std::filesystem::path state;  ///< /var/lib/flowguard/NAME/state.db: baselines and incidents
    std::filesystem::path config; ///< /etc/flowguard/flowguard.toml, or NAME.toml

    /// Names are 1 to 32 letters, digits, '-' and '_'; anything else is a usage error.
    static Result<InstancePaths> of(const std::string &instance);

    /// Removes the run directory and what is above it as far as they are empty.
    void remove_empty_directories() const;
};

} // namespace flowguard
