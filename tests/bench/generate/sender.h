// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "near_end.h"

#include "flowguard/kernel/fd.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

struct generate_bpf;

namespace flowguard::bench {

struct Plan {
    NearEnd near_end;
    fg_frame frame{};
    unsigned size = 0;
    fg_order order = FG_ORDER_TURNS;
    std::uint64_t flows = 1;
    std::uint64_t packets = 0;
    std::uint64_t rate = 0; ///< frames per second of all threads; 0: as fast as possible
    unsigned threads = 1;
    unsigned batch = 64; ///< frames between two chances for the receiver
};

struct Sent {
    std::uint64_t handed = 0;
    std::uint64_t delivered = 0;
    std::chrono::duration<double> elapsed{};
    std::optional<Error> error; ///< why it ended early
};

/// Sends one plan, each thread on a CPU of its own.
class Sender {
  public:
    static Result<Sender> load(Plan plan);
    Sender(Sender &&) noexcept;
    ~Sender();

    /// Until all is handed over, `stop` is set, or the device fails; a full ring is no failure.
    Result<Sent> run(const std::atomic<bool> &stop);

  private:
    struct Share {
        unsigned cpu = 0;
        std::uint64_t packets = 0;
        double rate = 0; ///< frames per second
        std::optional<Error> error;
    };

    explicit Sender(Plan plan);
    int keep_dispatched();
    std::vector<Share> divide(const std::vector<unsigned> &cpus) const;
    void send_share(Share &share, const std::atomic<bool> &stop, std::atomic<bool> &failed);
    std::optional<Error> send_some(const Share &share, std::uint64_t count);
    const fg_sender &counts(const Share &share) const;

    Plan plan_;
    std::vector<std::uint8_t> first_frame_;
    std::unique_ptr<generate_bpf, void (*)(generate_bpf *)> programs_;
    Fd quiet_namespace_;
};

} // namespace flowguard::bench
