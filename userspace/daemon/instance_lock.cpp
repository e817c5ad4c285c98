// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/instance_lock.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>

namespace flowguard {
namespace {

std::string read_holder(int fd)
{
    char text[32] = {};
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return "another process";
    return fmt::format("pid {}", std::string(text, std::strcspn(text, "\n")));
}

} // namespace

Result<InstanceLock> InstanceLock::take(const std::filesystem::path &path)
{
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
        return fail(error == std::errc::permission_denied ? ExitCode::Permission : ExitCode::Failed,
                    fmt::format("cannot make {}: {}", path.parent_path().string(), error.message()));
    for (;;) {
        Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
        if (!fd)
            return fail(errno == EACCES ? ExitCode::Permission : ExitCode::Failed,
                        fmt::format("cannot open {}: {}; run as root", path.string(), std::strerror(errno)));
        if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
            return fail(ExitCode::Failed,
                        fmt::format("this instance is already run by {}; use its commands, end it with "
                                    "'flowguard detach', or choose another --instance",
                                    read_holder(fd.get())));
        struct stat locked {};
        struct stat named {};
        fstat(fd.get(), &locked);
        /* The former holder may have removed the file between our open and our lock. */
        if (stat(path.c_str(), &named) != 0 || named.st_ino != locked.st_ino)
            continue;
        const std::string pid = fmt::format("{}\n", getpid());
        if (ftruncate(fd.get(), 0) != 0 || pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
            return fail(ExitCode::Failed, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
        return InstanceLock(std::move(fd));
    }
}

} // namespace flowguard
