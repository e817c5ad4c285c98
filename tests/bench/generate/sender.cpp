// SPDX-License-Identifier: Apache-2.0
#include "sender.h"

#include "generate.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <thread>

namespace flowguard::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t max_chunk = 65536; // frames in one system call, some 10 ms: a stop is prompt
constexpr double bursts_per_second = 500;  // at a given rate

Error device_failed(const std::string &name, std::uint64_t delivered)
{
    const std::string what = delivered == 0 ? "takes no frames" : fmt::format("takes no frames after {}", delivered);
    return {ExitCode::Failed,
            fmt::format("{} {}, because its peer does not poll or is down; set the peer up and give it a native XDP "
                        "program or 'ethtool -K PEER gro on'",
                        name, what)};
}

Error load_failed(int error)
{
    const char *advice = error == EPERM ? "run as root" : "it needs Linux 6.1 or newer with BTF";
    return {ExitCode::Failed,
            fmt::format("cannot load the generator's programs: {}; {}", std::strerror(error), advice)};
}

std::vector<unsigned> allowed_cpus()
{
    std::vector<unsigned> cpus;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (unsigned cpu = 0; cpu < std::min<unsigned>(CPU_SETSIZE, FG_MAX_SENDERS); cpu++)
            if (CPU_ISSET(cpu, &set))
                cpus.push_back(cpu);
    return cpus;
}

void pin_to(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/// When the frame after `sent` ones is due.
Clock::time_point due(Clock::time_point start, std::uint64_t sent, double rate)
{
    const std::chrono::duration<double> after(static_cast<double>(sent) / rate);
    return start + std::chrono::duration_cast<Clock::duration>(after);
}

} // namespace

Sender::Sender(Plan plan)
    : plan_(std::move(plan)),
      first_frame_(plan_.size),
      programs_(generate_bpf__open(), generate_bpf__destroy)
{
    std::memcpy(first_frame_.data(), plan_.frame.words, plan_.frame.used_words * 8);
}
Sender::Sender(Sender &&) noexcept = default;
Sender::~Sender() = default;

Result<Sender> Sender::load(Plan plan)
{
    libbpf_set_print(nullptr);
    Sender sender(std::move(plan));
    generate_bpf *programs = sender.programs_.get();
    if (!programs)
        return std::unexpected(load_failed(errno));
    programs->rodata->fg_ifindex = sender.plan_.near_end.ifindex;
    programs->rodata->fg_order = sender.plan_.order;
    programs->rodata->fg_flows = sender.plan_.flows;
    std::memcpy(const_cast<fg_frame *>(&programs->rodata->fg_frame), &sender.plan_.frame, sizeof(fg_frame));
    if (const int error = generate_bpf__load(programs))
        return std::unexpected(load_failed(-error));
    if (const int error = generate_bpf__attach(programs))
        return std::unexpected(load_failed(-error));
    if (const int error = sender.keep_dispatched())
        return std::unexpected(load_failed(error));
    return sender;
}

/// Linux patches its own code when a program starts to be run as XDP, and again when the last run ends: 2 ms for each
/// burst. Attached to a device without traffic, the loopback of an empty namespace, the program stays patched in.
int Sender::keep_dispatched()
{
    int error = 0;
    std::thread([&] {
        constexpr int loopback_ifindex = 1;
        if (unshare(CLONE_NEWNET) == 0)
            quiet_namespace_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        if (quiet_namespace_)
            programs_->links.fg_send = bpf_program__attach_xdp(programs_->progs.fg_send, loopback_ifindex);
        error = programs_->links.fg_send ? 0 : errno;
    }).join();
    return error;
}

const fg_sender &Sender::counts(const Share &share) const { return programs_->bss->fg_senders[share.cpu]; }

/// Consecutive ranges of one sequence: whatever the number of threads, a flow gets the same number of packets.
std::vector<Sender::Share> Sender::divide(const std::vector<unsigned> &cpus) const
{
    std::vector<Share> shares;
    std::uint64_t begin = 0;
    for (unsigned i = 0; i < plan_.threads; i++) {
        const std::uint64_t packets = plan_.packets / plan_.threads + (i < plan_.packets % plan_.threads ? 1 : 0);
        const double part = static_cast<double>(packets) / static_cast<double>(plan_.packets);
        const double rate = part * static_cast<double>(plan_.rate);
        shares.push_back({.cpu = cpus[i], .packets = packets, .rate = rate, .error = {}});
        fg_sender &state = programs_->bss->fg_senders[cpus[i]];
        state.position = begin % plan_.flows;
        state.random = 0x9e3779b97f4a7c15ULL * (i + 1);
        begin += packets;
    }
    return shares;
}

/// A signal may end it early; the counts say how far it came.
std::optional<Error> Sender::send_some(const Share &share, std::uint64_t count)
{
    const std::uint64_t handed = counts(share).handed;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = first_frame_.data(),
                .data_size_in = static_cast<__u32>(first_frame_.size()), .repeat = static_cast<int>(count),
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = plan_.batch);
    const int error = bpf_prog_test_run_opts(bpf_program__fd(programs_->progs.fg_send), &options);
    if (error != 0 && error != -EINTR)
        return Error{ExitCode::Failed, fmt::format("the kernel stopped generating: {}; --size {} may be too much "
                                                   "for it",
                                                   std::strerror(-error), plan_.size)};
    if (counts(share).in_flight != 0)
        return device_failed(plan_.near_end.name, counts(share).delivered);
    if (counts(share).handed == handed && error == 0)
        return Error{ExitCode::Failed, fmt::format("CPU {} made no frames, because this thread may not run there any "
                                                   "more; start again",
                                                   share.cpu)};
    return {};
}

void Sender::send_share(Share &share, const std::atomic<bool> &stop, std::atomic<bool> &failed)
{
    pin_to(share.cpu);
    const auto start = Clock::now();
    const auto burst = share.rate > 0 ? static_cast<std::uint64_t>(share.rate / bursts_per_second) + 1 : max_chunk;
    while (counts(share).handed < share.packets && !stop && !failed) {
        const std::uint64_t handed = counts(share).handed;
        if (share.rate > 0)
            std::this_thread::sleep_until(due(start, handed, share.rate));
        // The first batch tells soon whether the device takes anything.
        const std::uint64_t limit = handed == 0 ? plan_.batch : max_chunk;
        share.error = send_some(share, std::min({burst, limit, share.packets - handed}));
        if (share.error)
            failed = true;
    }
}

Result<Sent> Sender::run(const std::atomic<bool> &stop)
{
    const auto cpus = allowed_cpus();
    if (cpus.size() < plan_.threads)
        return fail(ExitCode::Usage, fmt::format("{} threads need a CPU each, and there are {}; give fewer --threads",
                                                 plan_.threads, cpus.size()));
    auto shares = divide(cpus);
    std::atomic<bool> failed = false;
    const auto start = Clock::now();
    {
        std::vector<std::jthread> threads;
        for (Share &share : shares)
            threads.emplace_back([&] { send_share(share, stop, failed); });
    }
    Sent sent{.elapsed = Clock::now() - start, .error = {}};
    for (const Share &share : shares) {
        if (share.error)
            sent.error = share.error;
        sent.handed += counts(share).handed;
        sent.delivered += counts(share).delivered;
    }
    return sent;
}

} // namespace flowguard::bench
