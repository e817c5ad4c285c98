// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/overflow.h"
#include "flowguard/daemon/config.h"
#include "flowguard/daemon/feed_watch.h"
#include "flowguard/daemon/incident_board.h"
#include "flowguard/detect/detection.h"
#include "flowguard/kernel/programs.h"
#include "flowguard/kernel/samples.h"
#include "flowguard/outputs/eve_log.h"
#include "flowguard/store/baseline_store.h"
#include "flowguard/store/incident_store.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace flowguard {

/// Detection at work: from what was counted to incidents, their log, and what outlives the daemon. Neither a disk that is
/// full nor a database that cannot be opened stops it.
///
/// One thread at a time; incidents(), cost() and reopen_log() from any.
class Watch {
  public:
    /// Goes on with what the daemon before it had learnt.
    static Result<std::unique_ptr<Watch>> start(const Config &config, const Maps &maps, TimeNs now);

    /// What the kernel has sampled since the last call; to be called after each drain, or the ring runs full.
    void collect_samples(const KernelClock &clock);
    /// `flows`: after its end_tick().
    void tick(TimeNs begin, TimeNs end, const FlowTable &flows, const std::vector<OverflowAggregate> &overflow,
              const std::set<IpAddress> &own_addresses);
    /// At the end of the daemon: what was learnt since the last time.
    void save(TimeNs now);

    std::shared_ptr<const IncidentList> incidents() const;
    /// Of the next line on.
    void reopen_log();

    struct Cost {
        double last_ms = 0;
        double longest_ms = 0;
        std::uint64_t samples = 0; ///< DNS packets looked into
    };
    Cost cost() const;

  private:
    Watch(const Config &config, SampleReader samples, TimeNs now);
    void open_database(TimeNs now);
    void restore(TimeNs now);
    void settle_locality(const std::set<IpAddress> &own_addresses);
    void write_down(TimeNs now);
    void save_regularly(TimeNs now);
    void publish();
    /// Says what is wrong once, until it is well again.
    void note(std::string &last, const Result<void> &done);

    std::vector<IpPrefix> local_;
    std::set<IpAddress> own_addresses_;
    std::filesystem::path database_path_;
    std::chrono::days kept_;
    std::optional<Database> database_;
    std::unique_ptr<EveLog> eve_log_;
    std::string eve_trouble_;
    std::string database_trouble_;
    SampleReader reader_;
    std::vector<DnsSample> samples_;
    Detection detection_;
    FeedWatch feeds_;
    IncidentBoard board_;
    TimeNs saved_ = 0;
    TimeNs pruned_ = 0;

    mutable std::mutex published_mutex_;
    std::shared_ptr<const IncidentList> published_;
    Cost cost_;
};

} // namespace flowguard
