// SPDX-License-Identifier: Apache-2.0
#include "flowguard/outputs/eve_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace flowguard {

Error EveLog::explain(const char *action, int error) const
{
    return {error == EACCES || error == EPERM ? ExitCode::Permission : ExitCode::Failed,
            fmt::format("cannot {} the incident log {}: {}", action, options_.path.string(), std::strerror(error))};
}

Result<std::unique_ptr<EveLog>> EveLog::open(EveLogOptions options)
{
    std::unique_ptr<EveLog> log(new EveLog(std::move(options)));
    if (auto opened = log->open_file(); !opened)
        return std::unexpected(opened.error());
    return log;
}

EveLog::~EveLog() { close_file(); }

Result<void> EveLog::open_file()
{
    close_file();
    std::error_code error;
    if (options_.path.has_parent_path())
        std::filesystem::create_directories(options_.path.parent_path(), error);
    if (error)
        return std::unexpected(explain("make the directory of", error.value()));
    fd_ = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd_ < 0)
        return std::unexpected(explain("open", errno));
    struct stat status {};
    char last = '\n';
    if (fstat(fd_, &status) == 0 && status.st_size > 0 && pread(fd_, &last, 1, status.st_size - 1) != 1)
        last = '\n'; /* no file that can be read back */
    cut_ = last != '\n';
    return {};
}

void EveLog::close_file()
{
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

Result<void> EveLog::write(std::string_view line)
{
    if (reopen_.exchange(false) || fd_ < 0)
        if (auto opened = open_file(); !opened)
            return opened;
    std::string text = cut_ ? "\n" : "";
    text += line;
    text += '\n';
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0)
        return std::unexpected(explain("write to", errno));
    cut_ = static_cast<std::size_t>(written) != text.size();
    if (cut_)
        return std::unexpected(explain("write a whole line to", ENOSPC));
    return rotate();
}

/// The size is asked for each time: others may have cut the file.
Result<void> EveLog::rotate()
{
    struct stat status {};
    if (options_.max_bytes == 0 || fstat(fd_, &status) != 0 ||
        static_cast<std::uint64_t>(status.st_size) < options_.max_bytes)
        return {};
    const auto numbered = [this](unsigned number) { return fmt::format("{}.{}", options_.path.string(), number); };
    for (unsigned number = options_.kept; number > 1; number--)
        std::rename(numbered(number - 1).c_str(), numbered(number).c_str());
    if (options_.kept == 0)
        std::remove(options_.path.c_str());
    else if (std::rename(options_.path.c_str(), numbered(1).c_str()) != 0)
        return std::unexpected(explain("rotate", errno));
    return open_file();
}

} // namespace flowguard
