// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/clock.h"
#include "flowguard/capture/link.h"
#include "flowguard/capture/packet_table.h"
#include "flowguard/capture/reader.h"
#include "flowguard/capture/statistics.h"
#include "flowguard/capture/timeline.h"
#include "flowguard/core/flow_table.h"
#include "flowguard/detect/detection.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace flowguard {

struct AnalysisOptions {
    DetectionConfig detection;
    Locality locality;
    bool tunnels = false; ///< take the flows inside of tunnels
    /// Gets each flow once: when it ends or is evicted, and at the end of the capture those that are still active.
    std::function<void(const Flow &)> on_flow;
};

/// The pipeline of the daemon, fed with packets of a capture in capture time. Pure.
class Analysis {
  public:
    explicit Analysis(AnalysisOptions options);
    Analysis(const DetectionConfig &config, Locality locality)
        : Analysis(AnalysisOptions{.detection = config, .locality = std::move(locality), .on_flow = {}})
    {
    }

    void add(const CapturedPacket &packet);
    /// Ends the last tick; afterwards all incidents are closed.
    void finish();

    /// All of them, in order of start.
    const std::vector<Incident> &incidents() const { return closed_; }
    Detection &detection() { return detection_; }
    const Volume &total() const { return total_; }
    std::uint64_t packets() const { return total_.packets; }
    std::uint64_t bytes() const { return total_.bytes; }
    std::uint64_t cut_packets() const { return cut_packets_; }
    TimeNs first() const { return first_; }
    TimeNs last() const { return clock_.now(); }
    const TrafficStatistics &statistics() const { return statistics_; }
    const Timeline &timeline() const { return timeline_; }
    const Detection &detection() const { return detection_; }
    const RateClock &rate_clock() const { return flows_.clock(); }
    std::uint64_t clock_set_back() const { return clock_.set_back(); }
    /// By name: what memory had no room for; zero ones are left out.
    std::map<std::string, std::uint64_t> losses() const;

  private:
    static constexpr TimeNs tick_length = 1'000'000'000;

    void begin(TimeNs time);
    void advance(TimeNs time);
    void end_tick(TimeNs end);
    void sample_dns(const CapturedPacket &packet, const ParsedFrame &parsed);
    void collect();
    void tell_ended();
    void tell_active();

    bool tunnels_;
    std::function<void(const Flow &)> on_flow_;
    FlowTable flows_;
    PacketTable table_;
    Detection detection_;
    TrafficStatistics statistics_;
    Timeline timeline_;
    CaptureClock clock_;
    std::vector<DnsSample> dns_;
    std::vector<Incident> closed_;
    Volume total_;
    std::uint64_t cut_packets_ = 0;
    std::uint64_t told_ = 0; ///< ended flows that on_flow has got
    std::uint64_t incidents_left_out_ = 0;
    std::uint64_t empty_ticks_ = 0;
    TimeNs first_ = 0;
    TimeNs tick_begin_ = 0; ///< 0: no packet yet
    TimeNs tick_end_ = 0;   ///< when it has to end
};

} // namespace flowguard
