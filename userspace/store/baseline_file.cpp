// SPDX-License-Identifier: Apache-2.0
#include "flowguard/store/baseline_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace flowguard {
namespace {

Error failed(const char *what, const std::filesystem::path &path)
{
    return {errno == EACCES ? ExitCode::Permission : ExitCode::Failed,
            fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno))};
}

} // namespace

Result<Baselines> read_baselines(const std::filesystem::path &path)
{
    std::error_code ignored;
    errno = std::filesystem::is_directory(path, ignored) ? EISDIR : 0;
    std::ifstream file;
    if (errno == 0)
        file.open(path, std::ios::binary);
    if (errno != 0 || !file)
        return std::unexpected(failed("read", path));
    std::ostringstream content;
    content << file.rdbuf();
    if (file.bad())
        return std::unexpected(failed("read", path));
    const std::string text = std::move(content).str();
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded())
        return fail(ExitCode::Failed, fmt::format("{} is no JSON", path.string()));
    auto baselines = baselines_from_json(json);
    if (!baselines)
        return fail(baselines.error().code, fmt::format("{}: {}", path.string(), baselines.error().message));
    return baselines;
}

Result<void> write_baselines(const std::filesystem::path &path, const Baselines &baselines)
{
    const std::filesystem::path temporary = fmt::format("{}.{}", path.string(), getpid());
    errno = 0;
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    if (!file)
        return std::unexpected(failed("write", path));
    file << baselines_to_json(baselines).dump() << '\n';
    file.close();
    std::error_code error;
    if (file)
        std::filesystem::rename(temporary, path, error);
    if (file && !error)
        return {};
    if (error)
        errno = error.value();
    auto problem = failed("write", path);
    std::filesystem::remove(temporary, error);
    return std::unexpected(std::move(problem));
}

} // namespace flowguard
