// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/programs.h"

#include "flowguard.skel.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <ctime>

namespace flowguard {
namespace {

/// Collects what libbpf says during one call; libbpf knows one printer per process, so it is put back.
class LibbpfLog {
  public:
    LibbpfLog()
    {
        current = this;
        previous_ = libbpf_set_print(&LibbpfLog::print);
    }
    ~LibbpfLog()
    {
        libbpf_set_print(previous_);
        current = nullptr;
    }
    LibbpfLog(const LibbpfLog &) = delete;
    LibbpfLog &operator=(const LibbpfLog &) = delete;

    /// The last lines, where the verifier gives its reason.
    std::string tail() const
    {
        constexpr std::size_t enough = 600;
        return text_.size() > enough ? "..." + text_.substr(text_.size() - enough) : text_;
    }

  private:
    static int print(libbpf_print_level level, const char *format, va_list arguments)
    {
        if (level == LIBBPF_DEBUG || !current)
            return 0;
        va_list again;
        va_copy(again, arguments);
        const int length = vsnprintf(nullptr, 0, format, again);
        va_end(again);
        if (length <= 0)
            return length;
        std::string line(static_cast<std::size_t>(length) + 1, '\0'); /* the verifier's log is one line of megabytes */
        vsnprintf(line.data(), line.size(), format, arguments);
        line.pop_back();
        current->text_ += line;
        return length;
    }

    static inline thread_local LibbpfLog *current = nullptr;
    libbpf_print_fn_t previous_ = nullptr;
    std::string text_;
};

Error load_error(int error, const LibbpfLog &log)
{
    if (error == EPERM || error == EACCES)
        return {ExitCode::Permission,
                fmt::format("the kernel refuses to load the programs ({}); run as root, and without "
                            "kernel lockdown: {}",
                            std::strerror(error), log.tail())};
    return {ExitCode::Failed,
            fmt::format("the kernel does not load the programs ({}); Linux 6.1 or newer is needed: {}",
                        std::strerror(error), log.tail())};
}

} // namespace

Programs::Programs(flowguard_bpf *skeleton) : skeleton_(skeleton) {}
Programs::Programs(Programs &&) noexcept = default;
Programs &Programs::operator=(Programs &&) noexcept = default;
Programs::~Programs() = default;

void Programs::Closer::operator()(flowguard_bpf *skeleton) const { flowguard_bpf__destroy(skeleton); }

Result<Programs> Programs::load(const Maps &maps, const Device &device, std::uint32_t slot, bool tunnels)
{
    const LibbpfLog log;
    Programs programs(flowguard_bpf__open());
    flowguard_bpf *skeleton = programs.skeleton_.get();
    if (!skeleton)
        return std::unexpected(load_error(errno, log));
    skeleton->rodata->fg_slot = slot;
    skeleton->rodata->fg_link_type = device.link;
    skeleton->rodata->fg_capacity = maps.capacity();
    skeleton->rodata->fg_tunnels = tunnels;
    std::ranges::copy(maps.hash_keys(), skeleton->rodata->fg_hash_keys);
    bpf_program__set_autoload(skeleton->progs.fg_clock, false);
    for (const auto &[name, fd] : maps.fds()) {
        bpf_map *map = bpf_object__find_map_by_name(skeleton->obj, name.c_str());
        if (map && bpf_map__reuse_fd(map, fd.get()) != 0)
            return std::unexpected(load_error(errno, log));
    }
    if (flowguard_bpf__load(skeleton) != 0)
        return std::unexpected(load_error(errno, log));
    return programs;
}

int Programs::xdp() const { return bpf_program__fd(skeleton_->progs.fg_xdp); }
int Programs::tc_ingress() const { return bpf_program__fd(skeleton_->progs.fg_tc_ingress); }
int Programs::tc_egress() const { return bpf_program__fd(skeleton_->progs.fg_tc_egress); }

Result<KernelClock> KernelClock::load()
{
    const LibbpfLog log;
    std::unique_ptr<flowguard_bpf, decltype(&flowguard_bpf__destroy)> skeleton(flowguard_bpf__open(),
                                                                               &flowguard_bpf__destroy);
    if (!skeleton)
        return std::unexpected(load_error(errno, log));
    bpf_program *program = nullptr;
    bpf_object__for_each_program (program, skeleton->obj)
        bpf_program__set_autoload(program, program == skeleton->progs.fg_clock);
    bpf_map *map = nullptr;
    bpf_object__for_each_map (map, skeleton->obj)
        bpf_map__set_autocreate(map, false);
    if (bpf_object__load(skeleton->obj) != 0)
        return std::unexpected(load_error(errno, log));

    KernelClock clock;
    clock.program_ = Fd(dup(bpf_program__fd(skeleton->progs.fg_clock)));
    timespec tick{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick); /* one jiffy */
    clock.jiffy_ns_ = tick.tv_nsec;
    if (auto calibrated = clock.calibrate(); !calibrated)
        return std::unexpected(calibrated.error());
    return clock;
}

Result<void> KernelClock::calibrate()
{
    fg_clock_reading reading{};
    /* A syscall program writes its answer into its context in place. */
    LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &reading, .ctx_size_in = sizeof reading);
    if (bpf_prog_test_run_opts(program_.get(), &run) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot read the kernel's clock: {}", std::strerror(errno)));
    realtime_ = real_time_ns();
    reading_ = reading;
    return {};
}

TimeNs KernelClock::to_realtime(std::uint64_t jiffies) const
{
    const auto ago = static_cast<std::int64_t>(reading_.jiffies - jiffies);
    return realtime_ - ago * jiffy_ns_;
}

} // namespace flowguard
