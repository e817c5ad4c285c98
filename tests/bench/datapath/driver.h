// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "drive.h"

#include "flowguard/core/error.h"

#include <cstdint>
#include <memory>

struct drive_bpf;

namespace flowguard::bench {

enum class Frame : std::uint8_t { Udp4, Syn4, Udp6 };

/// What the packets of a run are. Flow n comes from address source + n, and from the next port when addresses are used
/// up.
struct Traffic {
    Frame frame = Frame::Udp4;
    fg_drive_order order = FG_DRIVE_TURNS;
    std::uint64_t flows = 1;
    std::uint32_t source = 0x0a000000; ///< host order
    std::uint32_t host_bits = 24;
};

/// Nanoseconds per packet, by three clocks. The first is the one to believe: it stands still while others run.
struct Timing {
    double cpu = 0;    ///< this thread's CPU time around the system call
    double wall = 0;   ///< monotonic clock around the system call
    double kernel = 0; ///< the kernel's own average, whole nanoseconds
    std::uint32_t verdict = 0;
};

double clock_ns(clockid_t clock);

/// Runs XDP programs on packets of many flows without leaving the kernel.
class Driver {
  public:
    static Result<Driver> load();

    Driver(Driver &&) noexcept;
    ~Driver();

    /// The program that is driven from now on.
    Result<void> select(int program, bool frags);
    /// A program that does nothing, to learn what driving costs.
    int pass(bool frags) const;
    void aim(const Traffic &traffic);
    Result<Timing> run(std::uint64_t packets);
    /// The same packet again and again, without the driver.
    Result<Timing> run_alone(int program, std::uint64_t packets);

  private:
    explicit Driver(drive_bpf *skeleton);
    Result<Timing> run_program(int program, std::uint64_t packets);

    struct Closer {
        void operator()(drive_bpf *skeleton) const;
    };
    std::unique_ptr<drive_bpf, Closer> skeleton_;
    bool frags_ = false;
    Frame frame_ = Frame::Udp4;
};

/// What libbpf has complained about since the last call; empty if nothing.
std::string take_libbpf_warnings();

} // namespace flowguard::bench
