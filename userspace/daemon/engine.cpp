// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/engine.h"

#include "flowguard/daemon/policy.h"
#include "flowguard/daemon/rules.h"
#include "flowguard/detect/tick.h"
#include "flowguard/kernel/ruleset.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <unistd.h>

namespace flowguard {
namespace {

Result<Maps> open_or_create(const std::filesystem::path &pins, const Config &config)
{
    auto opened = Maps::open(pins);
    if (opened || opened.error().code != ExitCode::NotRunning)
        return opened;
    const std::uint32_t capacity = config.capacity.value_or(default_capacity(possible_cpus(), physical_memory_bytes()));
    if (auto fits = check_capacity(capacity, possible_cpus(), physical_memory_bytes()); !fits)
        return std::unexpected(fits.error());
    std::error_code error;
    std::filesystem::create_directories(pins, error);
    if (error)
        return fail(ExitCode::Failed, fmt::format("cannot make {}: {}", pins.string(), error.message()));
    Maps::unpin(pins); /* what an interrupted start may have left */
    return Maps::create(pins, capacity, config.max_blocks);
}

void remove_directories(const std::filesystem::path &pins)
{
    std::error_code ignored;
    std::filesystem::remove(pins, ignored);
    std::filesystem::remove(pins.parent_path(), ignored); /* stays if another instance is in it */
}

std::uint64_t bits(const fg_volume &volume) { return volume.bytes * 8; }

} // namespace

Engine::Engine(std::filesystem::path pins, Config config, Maps maps, KernelClock clock)
    : pins_(std::move(pins)),
      config_(std::move(config)),
      maps_(std::move(maps)),
      clock_(std::move(clock)),
      attachments_(maps_, pins_),
      drain_(maps_),
      features_(describe_features()),
      since_(real_time_ns()),
      /* Another seed after each start: flow ids must not repeat. */
      flows_(config_.flows, maps_.control().hash_seed ^ static_cast<std::uint64_t>(since_),
             std::max(1U, 1000 / config_.tick_ms)),
      known_(maps_.capacity(), maps_.hash_keys())
{
}

Result<std::unique_ptr<Engine>> Engine::start(std::filesystem::path pins, Config config)
{
    if (auto able = check_host(); !able)
        return std::unexpected(able.error());
    if (config.capacity)
        if (auto fits = check_capacity(*config.capacity, possible_cpus(), physical_memory_bytes()); !fits)
            return std::unexpected(fits.error());
    auto clock = KernelClock::load();
    if (!clock)
        return std::unexpected(clock.error());
    auto maps = open_or_create(pins, config);
    if (!maps)
        return std::unexpected(maps.error());
    std::unique_ptr<Engine> engine(new Engine(std::move(pins), std::move(config), std::move(*maps), std::move(*clock)));
    auto ready = engine->start_watch();
    if (ready)
        ready = engine->adopt();
    if (!ready) {
        if (!engine->has_interfaces())
            engine->remove_pins();
        return std::unexpected(ready.error());
    }
    return engine;
}

Result<void> Engine::start_watch()
{
    /* Interfaces that stayed attached since an earlier daemon follow it, too. */
    __atomic_store_n(&maps_.control().sample_budget, config_.detect ? config_.dns_samples : 0, __ATOMIC_RELAXED);
    if (!config_.detect)
        return {};
    auto watch = Watch::start(config_, maps_, real_time_ns());
    if (!watch)
        return std::unexpected(watch.error());
    watch_ = std::move(*watch);
    return {};
}

Result<void> Engine::adopt()
{
    kernel_memory_measured_ = maps_.measured_memory_bytes();
    if (auto recovered = drain_.recover(record_visitor(), overflow_visitor()); !recovered)
        return recovered;
    if (auto recovered = Blocklist(maps_).recover(); !recovered)
        return recovered;
    auto rules = Ruleset::open(maps_);
    if (!rules)
        return std::unexpected(rules.error());
    if (auto installed = rules->install(); !installed)
        return installed;
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        for (const auto direction : {FG_RX, FG_TX})
            ports_[slot].sides[direction].seen = drain_.ledger(slot, direction);
    return tick();
}

void Engine::remove_pins()
{
    Maps::unpin(pins_);
    remove_directories(pins_);
}

RecordVisitor Engine::record_visitor()
{
    return [this, hash_keys = maps_.hash_keys()](const fg_flow_record &record, fg_direction direction) {
        flows_.add(record, direction, clock_.to_realtime(record.first), clock_.to_realtime(record.last));
        if (!overflow_.empty())
            overflow_.note(record, direction, hash_keys);
    };
}

OverflowVisitor Engine::overflow_visitor()
{
    return [this](const fg_overflow_entry &entry, fg_direction direction) {
        overflow_.add(entry, direction, clock_.realtime(), flows_.clock());
    };
}

/// Programs read it while it is written: each word changes at once, and only the ones that differ.
void Engine::publish_known_flows()
{
    known_.clear();
    flows_.visit_established([this](const fg_flow_key &key) { known_.add(key); });
    const std::span<const fg_known_line> lines = known_.lines();
    for (std::size_t i = 0; i < lines.size(); i++)
        for (std::size_t word = 0; word < std::size(lines[i].word); word++)
            if (maps_.known[i].word[word] != lines[i].word[word])
                __atomic_store_n(&maps_.known[i].word[word], lines[i].word[word], __ATOMIC_RELAXED);
}

Result<void> Engine::tick()
{
    const std::lock_guard lock(mutex_);
    if (auto drained = drain(); !drained)
        return drained;
    settle_interfaces();
    publish();
    return {};
}

Result<void> Engine::drain()
{
    if (auto calibrated = clock_.calibrate(); !calibrated)
        return calibrated;
    const std::uint64_t boot_ns = clock_.boot_ns();
    const double elapsed = last_tick_boot_ns_ ? static_cast<double>(boot_ns - last_tick_boot_ns_) / 1e9
                                              : config_.tick_ms / 1e3;
    const bool go_on = undetected_ > 0;
    flows_.begin_tick(std::max(elapsed, 0.001), go_on);
    if (!go_on)
        overflow_.begin_tick();
    const bool first = last_tick_boot_ns_ == 0;
    last_tick_boot_ns_ = boot_ns;
    if (auto drained = drain_.run(record_visitor(), overflow_visitor()); !drained)
        return drained;
    count_rates();
    flows_.end_tick(clock_.realtime());
    overflow_.end_tick(clock_.realtime());
    publish_known_flows();
    /* What was counted while no daemon ran has no time, and thus no rate. */
    if (!first)
        detect(elapsed);
    ticks_++;
    return {};
}

/// Detectors look at whole seconds, however short a tick is.
void Engine::detect(double elapsed)
{
    if (!watch_)
        return;
    watch_->collect_samples(clock_);
    undetected_ += elapsed;
    if (undetected_ + config_.tick_ms / 2e3 < 1)
        return;
    const TimeNs end = clock_.realtime();
    watch_->tick(begin_of_tick(detected_until_, end, undetected_), end, flows_, overflow_.active(), own_addresses());
    detected_until_ = end;
    undetected_ = 0;
}

void Engine::reopen_logs()
{
    if (watch_)
        watch_->reopen_log();
}

void Engine::save()
{
    const std::lock_guard lock(mutex_);
    if (watch_)
        watch_->save(clock_.realtime());
}

void Engine::count_rates()
{
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++) {
        if (maps_.interfaces[slot].ifindex == 0)
            continue;
        for (const auto direction : {FG_RX, FG_TX}) {
            Port::Side &side = ports_[slot].sides[direction];
            const fg_ledger_entry &sum = drain_.ledger(slot, direction);
            side.bits.add(flows_.clock(), static_cast<double>(bits(sum.total) - bits(side.seen.total)));
            side.packets.add(flows_.clock(), static_cast<double>(sum.total.packets - side.seen.total.packets));
            side.dropped.add(flows_.clock(), static_cast<double>(sum.dropped.packets - side.seen.dropped.packets));
            side.seen = sum;
        }
    }
}

void Engine::publish()
{
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->tick = ticks_;
    snapshot->time = clock_.realtime();
    snapshot->daemon_since = since_;
    snapshot->daemon_pid = getpid();
    snapshot->tick_ms = config_.tick_ms;
    snapshot->table_capacity = maps_.capacity();
    snapshot->kernel_memory_bytes = maps_.memory_bytes();
    snapshot->kernel_memory_measured = kernel_memory_measured_;
    snapshot->flows_evicted = flows_.counters().evicted;
    {
        const std::lock_guard lock(policy_mutex_);
        sweep_blocks();
        sweep_rules();
        snapshot->blocks = block_count();
    }
    snapshot->features = features_;
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps_.interfaces[slot].ifindex != 0)
            snapshot->interfaces.push_back(describe(slot));
    snapshot->flows = flows_.active();
    snapshot->overflow = overflow_.active();
    if (!ended_ || flows_.counters().ended != ended_copied_) {
        ended_ = std::make_shared<const std::vector<Flow>>(flows_.ended().begin(), flows_.ended().end());
        ended_copied_ = flows_.counters().ended;
    }
    snapshot->ended = ended_;
    snapshot->clock = flows_.clock();
    snapshot->own_addresses = own_addresses();
    const std::lock_guard lock(snapshot_mutex_);
    snapshot_ = std::move(snapshot);
}

/// The kernel ignores what has expired; it is removed here. Reading a long list each tick would cost too much.
void Engine::sweep_blocks()
{
    constexpr std::size_t short_list = 4096;
    constexpr std::uint64_t ticks_between = 60;
    const std::size_t count = block_count();
    if (count != 0 && (count <= short_list || ticks_ % ticks_between == 0))
        if (auto live = Blocklist(maps_).list(boot_time_ns()); !live)
            spdlog::warn("cannot remove expired blocks: {}", live.error().message);
}

std::shared_ptr<const Snapshot> Engine::snapshot() const
{
    const std::lock_guard lock(snapshot_mutex_);
    return snapshot_;
}

void Engine::sweep_rules()
{
    constexpr std::uint64_t ticks_between = 60;
    if (maps_.control().rules == 0 || ticks_ % ticks_between != 0)
        return;
    auto rules = Ruleset::open(maps_);
    if (auto swept = rules ? rules->sweep(boot_time_ns()) : std::unexpected(rules.error()); !swept)
        spdlog::warn("cannot remove expired rules: {}", swept.error().message);
}

void Engine::settle_rules()
{
    const std::lock_guard lock(policy_mutex_);
    if (maps_.control().rules == 0)
        return;
    auto rules = Ruleset::open(maps_);
    if (auto installed = rules ? rules->install() : std::unexpected(rules.error()); !installed)
        spdlog::warn("rules that name interfaces are as they were before these changed: {}", installed.error().message);
}

std::vector<Protected> Engine::protect(const Json &request) const
{
    std::vector<Protected> protect = protected_addresses();
    for (const IpAddress &address : config_.protect)
        protect.push_back({address, "protected by the configuration"});
    /* The daemon has not the environment of whoever asks. */
    if (const auto peer = IpAddress::parse(request.value("session_peer", "")))
        protect.push_back(
            {*peer, "the peer of your own SSH session", request.value("session_port", std::uint16_t{22})});
    return protect;
}

Result<Json> Engine::block(const Json &request, std::uint32_t uid)
{
    const std::vector<Protected> protect = this->protect(request);
    const std::lock_guard lock(policy_mutex_);
    return flowguard::block(maps_, request, uid, protect);
}

Result<Json> Engine::add_rule(const Json &request, std::uint32_t uid)
{
    const std::vector<Protected> protect = this->protect(request);
    const std::lock_guard lock(policy_mutex_);
    return flowguard::add_rule(maps_, request, uid, protect);
}

Result<Json> Engine::remove_rules(const std::string &action, const std::string &which, bool dry_run)
{
    const std::lock_guard lock(policy_mutex_);
    return flowguard::remove_rules(maps_, action, which, dry_run);
}

Result<Json> Engine::rules()
{
    const std::lock_guard lock(policy_mutex_);
    return list_rules(maps_);
}

Result<Json> Engine::export_rules(const std::string &format)
{
    const std::lock_guard lock(policy_mutex_);
    return flowguard::export_rules(maps_, format);
}

Json Engine::policy_counts()
{
    const std::lock_guard lock(policy_mutex_);
    const auto rules = count_rules(maps_).value_or(RuleCounts{});
    return {{"blocks", block_count() + rules.blocks}, {"allows", rules.allows}, {"limits", rules.limits}};
}

Result<Json> Engine::unblock(const std::string &target_or_id, bool dry_run)
{
    const std::lock_guard lock(policy_mutex_);
    return flowguard::unblock(maps_, target_or_id, dry_run);
}

Result<Json> Engine::blocks()
{
    const std::lock_guard lock(policy_mutex_);
    return list_blocks(maps_);
}

} // namespace flowguard
