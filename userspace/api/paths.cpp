// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace flowguard {
namespace {

const std::filesystem::path run_root = "/run/flowguard";
constexpr std::size_t longest_name = 32;

bool is_name(const std::string &text)
{
    return !text.empty() && text.size() <= longest_name &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

} // namespace

Result<InstancePaths> InstancePaths::of(const std::string &instance)
{
    if (!is_name(instance))
        return fail(ExitCode::Usage, fmt::format("'{}' is no instance name: use 1 to {} letters, digits, '-' and '_'",
                                                 instance, longest_name));
    const bool is_default = instance == "default";
    const std::filesystem::path run = is_default ? run_root : run_root / instance;
    return InstancePaths{.instance = instance,
                         .pins = std::filesystem::path("/sys/fs/bpf/flowguard") / instance,
                         .run_dir = run,
                         .socket = run / "control.sock",
                         .lock = run / "lock",
                         .log = run / "daemon.log",
                         .state = std::filesystem::path("/var/lib/flowguard") / instance / "state.db",
                         .config = std::filesystem::path("/etc/flowguard") /
                                   ((is_default ? "flowguard" : instance) + ".toml")};
}

void InstancePaths::remove_empty_directories() const
{
    std::error_code ignored;
    std::filesystem::remove(run_dir, ignored);
    std::filesystem::remove(run_root, ignored);
}

} // namespace flowguard
