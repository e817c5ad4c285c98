// SPDX-License-Identifier: Apache-2.0
#include "flowguard_subject.h"
#include "peer_subject.h"
#include "tables.h"

#include "flowguard/core/flow_table.h"

#include <fmt/format.h>

#include <ctime>

namespace flowguard::bench {
namespace {

constexpr std::uint64_t room = 1'000'000;
constexpr unsigned warm_ups = 2;

double clock_ms(clockid_t clock) { return clock_ns(clock) / 1e6; }

/// Times one reading, and checks that it saw all flows.
Result<void> time_reading(DrainCost &cost, const std::function<Result<std::uint64_t>()> &read)
{
    const double cpu = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    const double wall = clock_ms(CLOCK_MONOTONIC);
    const auto seen = read();
    cost.cpu_ms.push_back(clock_ms(CLOCK_THREAD_CPUTIME_ID) - cpu);
    cost.wall_ms.push_back(clock_ms(CLOCK_MONOTONIC) - wall);
    if (!seen)
        return std::unexpected(seen.error());
    if (*seen != cost.flows)
        return fail(ExitCode::Failed, fmt::format("'{}', {}: {} flows read, not {}; the numbers of this run are "
                                                  "worthless",
                                                  cost.name, cost.subject, *seen, cost.flows));
    return {};
}

Result<void> fill(Driver &driver, const Subject &subject, std::uint64_t flows)
{
    if (flows == 0)
        return {};
    driver.aim({.flows = flows});
    if (auto selected = driver.select(subject.program(), subject.abilities().frags); !selected)
        return selected;
    const auto sent = driver.run(flows);
    return sent ? Result<void>{} : std::unexpected(sent.error());
}

/// Fills and reads: twice to warm up, because flowguard has two epochs, each of which costs page faults when it is used
/// first; then once a round.
Result<void> repeat(Driver &driver, const Subject &subject, unsigned rounds, DrainCost &cost,
                    const std::function<Result<std::uint64_t>()> &read)
{
    for (unsigned round = 0; round < rounds + warm_ups; round++) {
        if (auto filled = fill(driver, subject, cost.flows); !filled)
            return filled;
        if (auto timed = time_reading(cost, read); !timed)
            return timed;
        if (round < warm_ups) {
            cost.cpu_ms.clear();
            cost.wall_ms.clear();
        }
    }
    return {};
}

/// A daemon's tick: drain into the flow table, then time out what is over. When it is measured, all flows are known.
class Tick {
  public:
    explicit Tick(FlowguardSubject &subject, KernelClock clock)
        : subject_(subject),
          clock_(std::move(clock)),
          flows_({.max_flows = 2 * room}, 1)
    {
    }

    Result<std::uint64_t> run()
    {
        std::uint64_t seen = 0;
        if (auto calibrated = clock_.calibrate(); !calibrated)
            return std::unexpected(calibrated.error());
        flows_.begin_tick(1.0);
        const auto drained = subject_.drain_into([&](const fg_flow_record &record, fg_direction direction) {
            seen++;
            flows_.add(record, direction, clock_.to_realtime(record.first), clock_.to_realtime(record.last));
        });
        if (!drained)
            return std::unexpected(drained.error());
        flows_.end_tick(clock_.realtime());
        return seen;
    }

  private:
    FlowguardSubject &subject_;
    KernelClock clock_;
    FlowTable flows_;
};

Result<void> measure_flowguard(Driver &driver, unsigned rounds, DrainCost &drain, DrainCost &tick)
{
    auto subject = FlowguardSubject::load(room);
    if (!subject) {
        drain.unavailable = tick.unavailable = subject.error().message;
        return {};
    }
    const auto read = [&] -> Result<std::uint64_t> {
        const auto counted = (*subject)->drain();
        return counted ? Result<std::uint64_t>(counted->flows) : std::unexpected(counted.error());
    };
    if (auto done = repeat(driver, **subject, rounds, drain, read); !done)
        return done;
    auto clock = KernelClock::load();
    if (!clock)
        return std::unexpected(clock.error());
    Tick daemon(**subject, std::move(*clock));
    return repeat(driver, **subject, rounds, tick, [&] { return daemon.run(); });
}

Result<void> measure_hash(Driver &driver, unsigned rounds, DrainCost &lookup, DrainCost &take)
{
    auto subject = PeerSubject::load(BPF_MAP_TYPE_HASH, 1U << 20);
    if (!subject) {
        lookup.unavailable = take.unavailable = subject.error().message;
        return {};
    }
    const auto read = [&](bool clear) -> Result<std::uint64_t> {
        const auto counted = (*subject)->read(clear);
        return counted ? Result<std::uint64_t>(counted->flows) : std::unexpected(counted.error());
    };
    if (auto done = repeat(driver, **subject, rounds, lookup, [&] { return read(false); }); !done)
        return done;
    return repeat(driver, **subject, rounds, take, [&] { return read(true); });
}

} // namespace

Result<void> run_drain(Driver &driver, const Settings &settings, const DrainSink &sink)
{
    for (const std::uint64_t flows : {std::uint64_t{0}, std::uint64_t{10'000}, room}) {
        const std::string name = fmt::format("{} active flows", grouped(flows));
        if (!settings.wants("drain", name))
            continue;
        std::vector<DrainCost> costs;
        for (const char *subject : {"flowguard: drain, records counted", "flowguard: drain into flow table",
                                    "HASH: lookup_batch", "HASH: lookup_and_delete_batch"}) {
            DrainCost &cost = costs.emplace_back();
            cost.name = name;
            cost.subject = subject;
            cost.flows = flows;
        }
        Result<void> done = measure_flowguard(driver, settings.rounds, costs[0], costs[1]);
        if (done)
            done = measure_hash(driver, settings.rounds, costs[2], costs[3]);
        if (!done)
            return done;
        sink(costs);
    }
    return {};
}

std::vector<MemoryCost> measure_memory()
{
    std::vector<Contender> contenders = peer_contenders(room);
    contenders.insert(contenders.begin(),
                      {"flowguard", [] -> Result<std::unique_ptr<Subject>> { return FlowguardSubject::load(room); }});
    std::vector<MemoryCost> costs;
    for (const Contender &contender : contenders) {
        MemoryCost &cost = costs.emplace_back();
        cost.subject = contender.name;
        if (const auto subject = contender.load()) {
            cost.capacity = (*subject)->abilities().capacity;
            cost.bytes_per_flow = static_cast<double>((*subject)->kernel_bytes()) / static_cast<double>(cost.capacity);
        } else {
            cost.unavailable = subject.error().message;
        }
    }
    return costs;
}

} // namespace flowguard::bench
