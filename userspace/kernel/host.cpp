// SPDX-License-Identifier: Apache-2.0
/* What this host's kernel is and can do. */
#include "flowguard/kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <thread>

namespace flowguard {
namespace {

constexpr const char *bpffs = "/sys/fs/bpf";

TimeNs read_clock(clockid_t clock)
{
    timespec now{};
    clock_gettime(clock, &now);
    return TimeNs{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::pair<int, int> kernel_version()
{
    utsname name{};
    int major = 0;
    int minor = 0;
    uname(&name);
    std::sscanf(name.release, "%d.%d", &major, &minor);
    return {major, minor};
}

std::string yes_no(bool value) { return value ? "yes" : "no"; }

} // namespace

std::uint64_t boot_time_ns() { return static_cast<std::uint64_t>(read_clock(CLOCK_BOOTTIME)); }
std::uint64_t monotonic_time_ns() { return static_cast<std::uint64_t>(read_clock(CLOCK_MONOTONIC)); }
TimeNs real_time_ns() { return read_clock(CLOCK_REALTIME); }

std::uint32_t program_id(int fd)
{
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

std::string describe_program(std::uint32_t id)
{
    const Fd fd(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0)
        return fmt::format("{}", id);
    return fmt::format("{} ({})", id, info.name[0] ? info.name : "unnamed");
}

bool wait_for_unload(std::uint32_t id)
{
    for (int i = 0; i < 200; i++) {
        if (!Fd(bpf_prog_get_fd_by_id(id)))
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

Result<void> check_host()
{
    const auto [major, minor] = kernel_version();
    if (std::pair(major, minor) < std::pair(6, 1))
        return fail(ExitCode::Failed,
                    fmt::format("Linux {}.{} is too old: flowguard needs 6.1 or newer, as in Debian 12", major, minor));
    if (geteuid() != 0)
        return fail(ExitCode::Permission, "this needs root: run it with sudo");
    struct statfs mount {};
    if (statfs(bpffs, &mount) != 0 || mount.f_type != BPF_FS_MAGIC)
        return fail(
            ExitCode::Failed,
            fmt::format("no BPF file system on {0}: run 'mount -t bpf bpf {0}' (in a namespace made by 'ip netns "
                        "exec' it is hidden; 'nsenter --net=/run/netns/NAME' keeps it)",
                        bpffs));
    return {};
}

std::vector<std::string> describe_features()
{
    const auto version = kernel_version();
    utsname name{};
    uname(&name);
    return {
        fmt::format("kernel: {}", name.release),
        fmt::format("tcx links: {} (Linux 6.6)", yes_no(version >= std::pair(6, 6))),
        fmt::format("XDP: {}", yes_no(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, nullptr) == 1)),
        fmt::format("possible CPUs: {}", possible_cpus()),
        fmt::format("memory: {} MiB", physical_memory_bytes() >> 20),
    };
}

} // namespace flowguard
