// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace flowguard {

/// How far a baseline can be trusted. Detectors that need one are silent before Ready.
enum class Maturity : std::uint8_t { None, Warming, Ready };

/// A quantity per second that is learnt for hosts of ours, their services, and all traffic together.
enum class Quantity : std::uint8_t { BitsIn, BitsOut, PacketsIn, PacketsOut, FlowsIn, FlowsOut };

struct SeriesKey {
    IpAddress host{};       ///< unspecified: all traffic
    std::uint16_t port = 0; ///< 0: the host as a whole
    std::uint8_t proto = 0; ///< IANA number; 0: the host as a whole
    Quantity quantity{};

    auto operator<=>(const SeriesKey &) const = default;
};

/// What is expected now, made before the tick was learnt. Location and scale are of ln(1 + value).
struct Forecast {
    Maturity maturity = Maturity::None;
    double location = 0;
    double scale = 1; ///< robust standard deviation; > 0

    double expected() const { return std::expm1(location); }
    /// How many scales a value lies above what is expected.
    double deviations(double value) const { return (std::log1p(value) - location) / scale; }
    /// The value that lies so many scales above.
    double at(double deviations) const { return std::expm1(location + deviations * scale); }
};

struct BaselineState;
struct Habits;
struct Tick;

/// What is normal: quantities, and whom and what our hosts have used before. Pure and bounded: under 32 MB.
///
/// Of all traffic, In is what our hosts received, Out what they sent; of a service, In comes from its clients.
class Baselines {
  public:
    Baselines();
    ~Baselines();
    Baselines(Baselines &&) noexcept;
    Baselines &operator=(Baselines &&) noexcept;

    /// None for who has never been seen.
    Forecast forecast(const SeriesKey &key, TimeNs now) const;

    /// Has any host of ours exchanged packets with this stranger before this tick?
    bool knows_peer(const IpAddress &peer) const;
    /// Has any host of ours used a service of strangers on this port before?
    bool knows_remote_port(std::uint8_t proto, std::uint16_t port) const;
    /// Did this host of ours answer on this port before?
    bool knows_service(const IpAddress &host, std::uint8_t proto, std::uint16_t port) const;
    /// Of these three: for how long has been watched?
    Maturity knowledge() const;

    /// What a host of ours is wont to do per hour; none if it was never seen.
    const Habits *habits(const IpAddress &host) const;
    /// Ready after a day, or after the first hour that somebody called normal.
    Maturity maturity(const Habits &habits) const;

    /// Learns a tick, after detectors have judged it. Hosts with an open incident are not learnt, nor is all traffic
    /// during a flood, for at most a day: then it is no attack, but how things are now.
    void learn(const Tick &tick);
    /// What was learnt is normal, because somebody says so: it is trusted once an hour of it was seen. Ends the hour
    /// that is going on.
    void trust();
    /// Forgets everything.
    void reset();
    /// Forgets a host and its services. False if it was not known.
    bool reset(const IpAddress &host);

    std::size_t memory() const; ///< bytes, nearly
    const BaselineState &state() const { return *state_; }
    BaselineState &state() { return *state_; }

  private:
    std::unique_ptr<BaselineState> state_;
};

} // namespace flowguard
