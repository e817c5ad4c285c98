// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/detector.h"

#include <functional>
#include <map>

namespace flowguard {

/// Who sends what at one target in one tick.
class Culprits {
  public:
    void add(const FlowDelta &delta);

    Volume volume;
    std::uint64_t flows = 0;
    std::uint64_t from_reflectors = 0; ///< packets from ports of services that reflect
    TimeNs since = 0;                  ///< the first packet
    std::uint32_t min_length = 0;
    std::uint32_t max_length = 0;
    Distinct sources;
    std::map<std::uint16_t, std::uint64_t> target_ports; ///< packets; some of them, if there are many
    std::map<std::uint16_t, std::uint64_t> source_ports;
    std::vector<Evidence> evidence; ///< the largest flows

    static constexpr double dominant_share = 0.8;
    /// The source, the port that has at least so much of the packets.
    std::optional<IpAddress> dominant_source() const;
    std::optional<std::uint16_t> dominant_port() const;
    std::optional<std::uint16_t> dominant_source_port() const;
    std::vector<IpAddress> busiest() const;
    double mean_length() const;
    double packets_per_flow() const;

  private:
    static constexpr std::size_t max_sources = 4096;
    BoundedMap<IpAddress, std::uint64_t, BytesHash> packets_of_{max_sources};
};

/// A target that may be under a flood. Port 0: the host as a whole, or ICMP.
struct Suspect {
    double rate = 0;                ///< per second, in the detector's unit
    std::uint64_t overflow = 0;     ///< packets of flows that the kernel had no room for
    std::uint64_t more_sources = 0; ///< of these, distinct
    Culprits culprits{};
};

/// Few: the busiest of a tick.
class Suspects {
  public:
    void add(const Service &target, Suspect suspect);
    /// Adds to each suspect's culprits the flows to it that `guilty`. `whole_host`: whatever the port.
    void gather(const Tick &tick, bool whole_host, const std::function<bool(const FlowDelta &)> &guilty);
    bool empty() const { return suspects_.empty(); }
    bool contains(const Service &target) const { return suspects_.contains(target); }
    auto begin() const { return suspects_.begin(); }
    auto end() const { return suspects_.end(); }

    static constexpr std::size_t most = 64;

  private:
    std::map<Service, Suspect> suspects_;
};

/// How much makes a flood, per second: at once, or when it lasts for FloodWatch::lasting_ticks.
struct FloodLimits {
    double at_once = 0;
    double lasting = 0;
};

/// What is remembered of targets from tick to tick. Bounded.
class FloodWatch {
  public:
    struct State {
        unsigned ticks = 0; ///< in a row
        TimeNs since = 0;
        TimeNs seen = 0;
        bool named = false;
        Subject subject{};
        Distinct sources{};         ///< since the flood was first seen
        std::uint64_t overflow = 0; ///< the most sources that the kernel could not tell apart
    };
    /// Forgets what has not been seen.
    void begin_tick(const Tick &tick);
    /// The target's state if the flood is to be named in this tick; else none. Once it is named, half of the lasting limit
    /// keeps it open.
    State *judge(const Tick &tick, const Service &target, const Suspect &suspect, const FloodLimits &limits);

    static constexpr unsigned lasting_ticks = 5;
    static constexpr std::size_t most = 1024;

  private:
    std::map<Service, State> states_;
};

/// Fills in what each finding about a flood says in the same way.
struct FloodReport {
    const DetectorInfo &detector;
    Severity severity = Severity::High;
    double limit = 0;
    std::string_view unit;
    std::string_view metric;
};
Finding flood_finding(const FloodReport &report, const Tick &tick, const Service &target, const Suspect &suspect,
                      FloodWatch::State &state);
/// "from 192.0.2.1 alone", "from 220 sources, most of all 192.0.2.1 (12 %)".
std::string describe_sources(const Suspect &suspect, std::uint64_t source_count);

/// What the kernel had no room for, per target and tick. RX: received by the target; TX: sent by it.
struct OverflowCounts {
    Volume received;
    Volume sent;
    std::uint64_t syn = 0; ///< received
    std::uint64_t sources = 0;
};
std::map<Service, OverflowCounts> overflow_of_services(const Tick &tick, std::uint8_t proto);
std::map<IpAddress, OverflowCounts> overflow_of_hosts(const Tick &tick, std::uint8_t proto);
/// Most of it was not answered: the packets that were received so. Else 0.
std::uint64_t unanswered(const OverflowCounts &counts);

} // namespace flowguard
