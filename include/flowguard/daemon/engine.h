// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow_table.h"
#include "flowguard/core/json.h"
#include "flowguard/core/known_flows.h"
#include "flowguard/core/overflow.h"
#include "flowguard/core/snapshot.h"
#include "flowguard/daemon/config.h"
#include "flowguard/daemon/watch.h"
#include "flowguard/kernel/attachment.h"
#include "flowguard/kernel/device.h"
#include "flowguard/kernel/drain.h"

#include <array>
#include <memory>
#include <mutex>
#include <optional>

namespace flowguard {

/// One instance at work: owns the maps, drains them, keeps flows and publishes a snapshot per tick.
/// All members may be called from any thread; snapshot() never waits for a drain.
class Engine {
  public:
    /// Adopts what is pinned in `pins`, or makes it. The caller holds the instance lock.
    static Result<std::unique_ptr<Engine>> start(std::filesystem::path pins, Config config);

    /// Drains, settles interfaces and publishes. An error is for the log; the next tick tries again.
    Result<void> tick();
    std::shared_ptr<const Snapshot> snapshot() const;

    /// All of `names`, or none. The first tick has been drained when it returns. `tunnels`: as the configuration says,
    /// unless given; then an interface that is attached the other way is an error.
    Result<Json> attach(const std::vector<std::string> &names, XdpMode mode, std::optional<bool> tunnels, bool dry_run);
    /// Without names: everything, and the maps go too. Names that are not attached are no error.
    Result<Json> detach(const std::vector<std::string> &names, bool dry_run);
    Result<Json> block(const Json &request, std::uint32_t uid);
    Result<Json> unblock(const std::string &target_or_id, bool dry_run);
    Result<Json> blocks();
    Result<Json> add_rule(const Json &request, std::uint32_t uid);
    Result<Json> remove_rules(const std::string &action, const std::string &which, bool dry_run);
    Result<Json> rules();
    Result<Json> export_rules(const std::string &format);
    /// {"blocks": ..., "allows": ..., "limits": ...}, as of now: who has just blocked an address wants to see it.
    Json policy_counts();
    bool has_interfaces() const;
    /// As of now, not of the latest tick: who has just blocked an address wants to see it.
    std::size_t block_count() const { return maps_.block_count(); }
    /// None if detection is off.
    const Watch *watch() const { return watch_.get(); }
    const Config &config() const { return config_; }
    /// Goes on in new files where logs were moved away.
    void reopen_logs();
    /// At the end of the daemon.
    void save();

  private:
    /// What is kept per slot beside the kernel's ledger.
    struct Port {
        struct Side {
            fg_ledger_entry seen{};
            RateWindow bits, packets, dropped;
        };
        std::array<Side, FG_DIRECTIONS> sides;
        std::string note;
        bool present = true;
        bool up = true;
    };

    Engine(std::filesystem::path pins, Config config, Maps maps, KernelClock clock);
    Result<void> start_watch();
    /// Goes on where a predecessor stopped.
    Result<void> adopt();
    void remove_pins();
    Result<void> drain();
    void detect(double elapsed);
    void settle_interfaces();
    void settle(std::uint32_t slot);
    void reattach(std::uint32_t slot);
    void count_rates();
    void publish();
    InterfaceStatus describe(std::uint32_t slot) const;
    std::map<std::string, std::uint64_t> losses(std::uint32_t slot) const;
    void sweep_blocks();
    void sweep_rules();
    /// Rules name interfaces, and programs know slots.
    void settle_rules();
    std::vector<Protected> protect(const Json &request) const;
    DirectionTotals totals(std::uint32_t slot, fg_direction direction) const;
    Json attached_json(const std::vector<std::string> &names, bool changed) const;
    Result<Json> attach_all(const std::vector<Device> &devices, const AttachOptions &options);
    void detach_slot(std::uint32_t slot);
    void forget_slot(std::uint8_t slot);
    void publish_known_flows();
    RecordVisitor record_visitor();
    OverflowVisitor overflow_visitor();

    std::filesystem::path pins_;
    Config config_;
    Maps maps_;
    KernelClock clock_;
    Attachments attachments_;
    Drain drain_;
    std::array<Port, FG_MAX_INTERFACES> ports_;
    std::vector<std::string> features_;
    TimeNs since_ = 0;
    FlowTable flows_;
    OverflowTable overflow_;
    KnownFlows known_;
    std::unique_ptr<Watch> watch_;
    double undetected_ = 0;     ///< seconds that were drained since the latest detection
    TimeNs detected_until_ = 0; ///< the end of the last tick of detection
    std::uint64_t last_tick_boot_ns_ = 0;
    std::uint64_t ticks_ = 0;
    std::shared_ptr<const std::vector<Flow>> ended_;
    std::uint64_t ended_copied_ = 0;           ///< flows_.counters().ended when ended_ was made
    std::uint64_t kernel_memory_measured_ = 0; ///< at the start
    mutable std::mutex mutex_;
    std::mutex policy_mutex_; ///< a drain waits for the kernel; blocking an address must not
    mutable std::mutex snapshot_mutex_;
    std::shared_ptr<const Snapshot> snapshot_;
};

} // namespace flowguard
