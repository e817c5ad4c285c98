// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/clock.h"
#include "flowguard/abi/samples.h"
#include "flowguard/core/flow.h"
#include "flowguard/kernel/device.h"
#include "flowguard/kernel/maps.h"

#include <memory>
#include <string>
#include <vector>

struct flowguard_bpf;

namespace flowguard {

/// The three programs of one interface, loaded with its knobs on the instance's maps.
/// They stay loaded for as long as this object, a link or a filter holds them.
class Programs {
  public:
    /// `tunnels`: count the flow inside a tunnel instead of the tunnel's own.
    static Result<Programs> load(const Maps &maps, const Device &device, std::uint32_t slot, bool tunnels = false);

    Programs(Programs &&) noexcept;
    Programs &operator=(Programs &&) noexcept;
    ~Programs();

    int xdp() const;
    int tc_ingress() const;
    int tc_egress() const;

  private:
    explicit Programs(flowguard_bpf *skeleton);
    struct Closer {
        void operator()(flowguard_bpf *skeleton) const;
    };
    std::unique_ptr<flowguard_bpf, Closer> skeleton_;
};

/// Ties the jiffies of flow records to wall-clock time.
class KernelClock {
  public:
    static Result<KernelClock> load();

    /// Reads all clocks at one moment.
    Result<void> calibrate();
    TimeNs to_realtime(std::uint64_t jiffies) const;
    TimeNs realtime() const { return realtime_; }              ///< at the latest calibrate()
    std::uint64_t boot_ns() const { return reading_.boot_ns; } ///< likewise

  private:
    Fd program_;
    fg_clock_reading reading_{};
    TimeNs realtime_ = 0;
    TimeNs jiffy_ns_ = 0;
};

/// CLOCK_BOOTTIME and CLOCK_REALTIME, in nanoseconds.
std::uint64_t boot_time_ns();
std::uint64_t monotonic_time_ns();
TimeNs real_time_ns();

/// Id of a loaded program; 0 if it cannot be asked.
std::uint32_t program_id(int fd);
/// "12 (xdp_pass)".
std::string describe_program(std::uint32_t id);
/// True once no program has this id any more, waiting up to a second for the kernel to let go.
bool wait_for_unload(std::uint32_t id);

/// Fails with a sentence if this kernel, user or mount cannot run flowguard at all.
Result<void> check_host();
/// What was probed, for `status --verbose`.
std::vector<std::string> describe_features();

} // namespace flowguard
