// SPDX-License-Identifier: Apache-2.0
#include "driver.h"

#include "drive.skel.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <limits>
#include <utility>

namespace flowguard::bench {
namespace {

using Bytes = std::array<std::uint8_t, FG_DRIVE_FRAME>;

constexpr std::size_t ethernet_length = 14;
constexpr std::uint16_t udp_port = 53;
constexpr std::uint16_t tcp_port = 80;

std::string warnings;

int keep_warning(libbpf_print_level level, const char *format, va_list arguments)
{
    char line[1024];
    if (level != LIBBPF_WARN)
        return 0;
    const int length = vsnprintf(line, sizeof line, format, arguments);
    warnings += line;
    return length;
}

/// Headers as on the wire; the driver fills in source address and port. Nobody looks at checksums.
Bytes make_frame(Frame frame)
{
    Bytes bytes{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    std::uint8_t *ip = bytes.data() + ethernet_length;
    const std::uint8_t payload = FG_DRIVE_FRAME - ethernet_length - (frame == Frame::Udp6 ? 40 : 20);
    if (frame == Frame::Udp6) {
        bytes[12] = 0x86;
        bytes[13] = 0xdd;
        const std::uint8_t header[] = {0x60, 0, 0, 0, 0, payload, 17, 64, 0x20, 0x01, 0x0d, 0xb8};
        std::ranges::copy(header, ip);
        std::ranges::copy(std::initializer_list<std::uint8_t>{0x20, 0x01, 0x0d, 0xb8, 0, 1}, ip + 24);
        ip[39] = 1;
        ip[45] = payload;
        return bytes;
    }
    bytes[12] = 0x08;
    const std::uint8_t proto = frame == Frame::Syn4 ? 6 : 17;
    const std::uint8_t header[] = {0x45, 0, 0, static_cast<std::uint8_t>(payload + 20), 0, 0, 0, 0, 64, proto};
    std::ranges::copy(header, ip);
    if (frame == Frame::Syn4) {
        ip[32] = 0x50;
        ip[33] = 0x02;
    } else {
        ip[25] = payload;
    }
    return bytes;
}

} // namespace

double clock_ns(clockid_t clock)
{
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

std::string take_libbpf_warnings() { return std::exchange(warnings, {}); }

Driver::Driver(drive_bpf *skeleton) : skeleton_(skeleton) {}
Driver::Driver(Driver &&) noexcept = default;
Driver::~Driver() = default;

void Driver::Closer::operator()(drive_bpf *skeleton) const { drive_bpf__destroy(skeleton); }

Result<Driver> Driver::load()
{
    libbpf_set_print(keep_warning);
    Driver driver(drive_bpf__open_and_load());
    if (!driver.skeleton_)
        return fail(ExitCode::Failed, fmt::format("the kernel does not load the benchmark's driver ({}): {}",
                                                  std::strerror(errno), take_libbpf_warnings()));
    driver.skeleton_->bss->fg_drive.random = 0x9e3779b97f4a7c15;
    return driver;
}

Result<void> Driver::select(int program, bool frags)
{
    const std::uint32_t zero = 0;
    const bpf_map *slot = frags ? skeleton_->maps.fg_subject_frags : skeleton_->maps.fg_subject;
    frags_ = frags;
    if (bpf_map_update_elem(bpf_map__fd(slot), &zero, &program, BPF_ANY) != 0)
        return fail(
            ExitCode::Failed,
            fmt::format("the driver cannot call the program under test ({}); is it an XDP program {} fragments?",
                        std::strerror(errno), frags ? "with" : "without"));
    return {};
}

int Driver::pass(bool frags) const
{
    return bpf_program__fd(frags ? skeleton_->progs.fg_pass_frags : skeleton_->progs.fg_pass_plain);
}

void Driver::aim(const Traffic &traffic)
{
    fg_drive &drive = skeleton_->bss->fg_drive;
    frame_ = traffic.frame;
    drive.flows = traffic.flows;
    drive.position = 0;
    drive.order = traffic.order;
    drive.ipv6 = traffic.frame == Frame::Udp6;
    drive.source = traffic.source;
    drive.host_bits = traffic.host_bits;
    drive.destination = htonl(0xc0000201); /* 192.0.2.1 */
    drive.destination_port = htons(traffic.frame == Frame::Syn4 ? tcp_port : udp_port);
}

Result<Timing> Driver::run(std::uint64_t packets)
{
    return run_program(bpf_program__fd(frags_ ? skeleton_->progs.fg_drive_frags : skeleton_->progs.fg_drive_plain),
                       packets);
}

Result<Timing> Driver::run_alone(int program, std::uint64_t packets) { return run_program(program, packets); }

Result<Timing> Driver::run_program(int program, std::uint64_t packets)
{
    if (packets == 0 || packets > std::numeric_limits<int>::max())
        return fail(ExitCode::Usage,
                    fmt::format("a run is of 1 to {} packets, not {}", std::numeric_limits<int>::max(), packets));
    Bytes frame = make_frame(frame_);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = FG_DRIVE_FRAME,
                .repeat = static_cast<int>(packets));
    const double wall = clock_ns(CLOCK_MONOTONIC);
    const double cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return fail(ExitCode::Failed, fmt::format("BPF_PROG_TEST_RUN fails: {}", std::strerror(errno)));
    return Timing{.cpu = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / static_cast<double>(packets),
                  .wall = (clock_ns(CLOCK_MONOTONIC) - wall) / static_cast<double>(packets),
                  .kernel = static_cast<double>(options.duration),
                  .verdict = options.retval};
}

} // namespace flowguard::bench
