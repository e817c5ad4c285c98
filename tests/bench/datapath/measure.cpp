// SPDX-License-Identifier: Apache-2.0
#include "measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <linux/bpf.h>
#include <utility>

namespace flowguard::bench {
namespace {

constexpr double run_ns = 200e6;
constexpr std::uint64_t probe_packets = 100'000;

/// A contender on its way through the rounds of a case.
struct Runner {
    std::unique_ptr<Subject> subject;
    PacketCost *cost;
    Abilities abilities;
    std::uint64_t packets = 0; ///< of one run
    std::uint64_t sent = 0;    ///< since the last drain
    std::uint64_t fresh = 0;   ///< of these, of new flows
};

class Rounds {
  public:
    Rounds(Driver &driver, const Settings &settings, const Case &one) : driver_(driver), settings_(settings), case_(one)
    {
    }

    Result<void> warm_up(Runner &runner);
    Result<void> measure_driver();
    Result<void> measure(Runner &runner);
    /// Compares what was counted with what was sent.
    Result<void> check(Runner &runner);

  private:
    Result<Timing> send(Runner &runner, const Traffic &traffic, std::uint64_t packets);
    Error wrong(const Runner &runner, const std::string &what) const;
    std::uint64_t choose_packets(const Timing &probe) const;

    Driver &driver_;
    const Settings &settings_;
    const Case &case_;
    double driver_ns_[2] = {0, 0}; ///< of this round, by frags
};

Error Rounds::wrong(const Runner &runner, const std::string &what) const
{
    return {ExitCode::Failed,
            fmt::format("'{}', {}: {}; the numbers of this run are worthless", case_.name, runner.cost->subject, what)};
}

Result<Timing> Rounds::send(Runner &runner, const Traffic &traffic, std::uint64_t packets)
{
    driver_.aim(traffic);
    if (auto selected = driver_.select(runner.subject->program(), runner.abilities.frags); !selected)
        return std::unexpected(selected.error());
    auto timing = driver_.run(packets);
    if (!timing)
        return timing;
    const std::uint32_t expected = case_.dropped ? XDP_DROP : XDP_PASS;
    if (timing->verdict != expected)
        return std::unexpected(wrong(runner, fmt::format("verdict {}, not {}", timing->verdict, expected)));
    runner.sent += packets;
    runner.fresh += traffic.order == FG_DRIVE_NEW ? packets : 0;
    return timing;
}

std::uint64_t Rounds::choose_packets(const Timing &probe) const
{
    if (case_.packets)
        return case_.packets;
    return settings_.packets ? settings_.packets : static_cast<std::uint64_t>(run_ns / probe.cpu);
}

Result<void> Rounds::warm_up(Runner &runner)
{
    Traffic first = case_.traffic;
    std::uint64_t packets = first.flows;
    if (case_.table == Case::Table::Warm)
        first.order = FG_DRIVE_TURNS;
    else
        packets = case_.table == Case::Table::Full ? 2 * runner.abilities.capacity : case_.packets;
    if (auto sent = send(runner, first, packets); !sent)
        return std::unexpected(sent.error());
    if (case_.table == Case::Table::Empty) {
        runner.packets = case_.packets;
        return check(runner);
    }
    const auto probe = send(runner, case_.traffic, probe_packets);
    if (!probe)
        return std::unexpected(probe.error());
    runner.packets = choose_packets(*probe);
    return {};
}

Result<void> Rounds::measure_driver()
{
    for (const bool frags : {false, true}) {
        driver_.aim(case_.traffic);
        if (auto selected = driver_.select(driver_.pass(frags), frags); !selected)
            return selected;
        const auto probe = driver_.run(probe_packets);
        if (!probe)
            return std::unexpected(probe.error());
        const auto timing = driver_.run(choose_packets(*probe));
        if (!timing)
            return std::unexpected(timing.error());
        driver_ns_[frags] = timing->cpu;
    }
    return {};
}

Result<void> Rounds::measure(Runner &runner)
{
    const auto timing = send(runner, case_.traffic, runner.packets);
    if (!timing)
        return std::unexpected(timing.error());
    runner.cost->packets = runner.packets;
    runner.cost->driver.push_back(driver_ns_[runner.abilities.frags]);
    runner.cost->ns.push_back(timing->cpu - driver_ns_[runner.abilities.frags]);
    runner.cost->kernel.push_back(timing->kernel);
    runner.cost->wall.push_back(timing->wall);
    return case_.table == Case::Table::Empty ? check(runner) : Result<void>{};
}

Result<void> Rounds::check(Runner &runner)
{
    const auto counted = runner.subject->drain();
    if (!counted)
        return std::unexpected(counted.error());
    const std::uint64_t sent = std::exchange(runner.sent, 0);
    const std::uint64_t fresh = std::exchange(runner.fresh, 0);
    const std::uint64_t distinct = case_.traffic.order == FG_DRIVE_NEW ? fresh : case_.traffic.flows;
    const std::uint64_t kept = std::min(distinct, runner.abilities.capacity);
    const bool loses = runner.abilities.evicts && distinct * 10 > runner.abilities.capacity * 9;

    if (counted->packets != sent && !loses)
        return std::unexpected(wrong(runner, fmt::format("{} packets counted of {}", counted->packets, sent)));
    if (counted->flows != kept && !loses)
        return std::unexpected(wrong(runner, fmt::format("{} flows counted, not {}", counted->flows, kept)));
    if (counted->dropped != (case_.dropped ? sent : 0))
        return std::unexpected(wrong(runner, fmt::format("{} packets dropped of {}", counted->dropped, sent)));
    if (counted->flows < kept)
        runner.cost->note = fmt::format("kept {} of {} flows", counted->flows, distinct);
    else if (kept < distinct && runner.abilities.capacity && case_.table != Case::Table::Full)
        runner.cost->note = fmt::format("room for {} of {} flows", kept, distinct);
    return {};
}

/// The kernel measures in whole nanoseconds and leaves out the system call; more of a difference is a disturbance.
void note_disturbance(PacketCost &cost)
{
    std::size_t disturbed = 0;
    for (std::size_t i = 0; i < cost.ns.size(); i++) {
        const double cpu = cost.ns[i] + cost.driver[i];
        disturbed += std::abs(cpu - cost.kernel[i]) > 1 + 0.03 * cpu;
    }
    if (disturbed)
        cost.note += fmt::format("{}{} of {} rounds disturbed", cost.note.empty() ? "" : "; ", disturbed,
                                 cost.ns.size());
}

/// Those that can be loaded.
std::vector<Runner> load(const std::vector<Contender> &contenders, std::vector<PacketCost> &costs)
{
    std::vector<Runner> runners;
    for (std::size_t i = 0; i < contenders.size(); i++) {
        auto subject = contenders[i].load();
        if (!subject) {
            costs[i].unavailable = subject.error().message;
            continue;
        }
        const Abilities abilities = (*subject)->abilities();
        runners.push_back({.subject = std::move(*subject), .cost = &costs[i], .abilities = abilities});
    }
    return runners;
}

} // namespace

double median(std::vector<double> values)
{
    if (values.empty())
        return 0;
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Result<std::vector<PacketCost>> measure(Driver &driver, const Settings &settings, const Case &one,
                                        const std::vector<Contender> &contenders)
{
    std::vector<PacketCost> costs(contenders.size());
    for (std::size_t i = 0; i < costs.size(); i++) {
        costs[i].name = one.name;
        costs[i].subject = contenders[i].name;
    }
    std::vector<Runner> runners = load(contenders, costs);
    Rounds rounds(driver, settings, one);
    Result<void> done;
    /* Twice for tables that runs fill: flowguard has two epochs, and memory is slow when it is used first. */
    for (int time = 0; time < (one.table == Case::Table::Empty ? 2 : 1); time++)
        for (Runner &runner : runners)
            if (done = rounds.warm_up(runner); !done)
                return std::unexpected(done.error());
    for (unsigned round = 0; round < settings.rounds; round++) {
        if (done = rounds.measure_driver(); !done)
            return std::unexpected(done.error());
        for (Runner &runner : runners)
            if (done = rounds.measure(runner); !done)
                return std::unexpected(done.error());
    }
    for (Runner &runner : runners) {
        if (one.table != Case::Table::Empty)
            if (done = rounds.check(runner); !done)
                return std::unexpected(done.error());
        note_disturbance(*runner.cost);
    }
    return costs;
}

} // namespace flowguard::bench
