// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/engine.h"

#include "flowguard/daemon/policy.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <net/if.h>
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

Volume volume_of(const fg_volume &volume) { return {volume.packets, volume.bytes}; }

Error attached_otherwise(const std::string &name, bool tunnels)
{
    return {ExitCode::Failed, fmt::format("{0} is attached {1} tunnels, and its flows would change their meaning: "
                                          "'flowguard detach {0}' first, then attach it {2} tunnels",
                                          name, tunnels ? "without" : "with", tunnels ? "with" : "without")};
}

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
      hash_keys_(maps_.hash_keys()),
      known_(maps_.capacity(), hash_keys_)
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
    if (auto adopted = engine->adopt(); !adopted) {
        if (!engine->has_interfaces())
            engine->remove_pins();
        return std::unexpected(adopted.error());
    }
    return engine;
}

Result<void> Engine::adopt()
{
    kernel_memory_measured_ = maps_.measured_memory_bytes();
    if (auto recovered = drain_.recover(record_visitor(), overflow_visitor()); !recovered)
        return recovered;
    if (auto recovered = Blocklist(maps_).recover(); !recovered)
        return recovered;
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
    return [this](const fg_flow_record &record, fg_direction direction) {
        flows_.add(record, direction, clock_.to_realtime(record.first), clock_.to_realtime(record.last));
        if (!overflow_.empty())
            overflow_.note(record, direction, hash_keys_);
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
    flows_.begin_tick(std::max(elapsed, 0.001));
    last_tick_boot_ns_ = boot_ns;
    if (auto drained = drain_.run(record_visitor(), overflow_visitor()); !drained)
        return drained;
    count_rates();
    flows_.end_tick(clock_.realtime());
    overflow_.end_tick(clock_.realtime());
    publish_known_flows();
    ticks_++;
    return {};
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

void Engine::settle_interfaces()
{
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps_.interfaces[slot].ifindex != 0)
            settle(slot);
}

void Engine::settle(std::uint32_t slot)
{
    fg_interface &entry = maps_.interfaces[slot];
    Port &port = ports_[slot];
    const std::uint32_t now = ifindex_of(entry.name);
    if (now == 0) {
        char renamed[IF_NAMESIZE] = {};
        if (if_indextoname(entry.ifindex, renamed)) {
            spdlog::info("{} is now called {}", entry.name, renamed);
            std::ranges::copy(renamed, entry.name);
            return;
        }
        if (port.present)
            spdlog::warn("{} is gone; it is attached again when it comes back", entry.name);
        port.present = false;
        port.note = "the device is gone; it is attached again when it comes back";
        return;
    }
    if (!attachments_.is_intact(slot))
        reattach(slot);
    else if (const auto device = find_device(entry.name)) {
        port.present = true;
        port.up = device->up;
        entry.vlan_offloads = device->vlan_offloads;
    }
}

void Engine::reattach(std::uint32_t slot)
{
    const std::string name = maps_.interfaces[slot].name;
    const AttachOptions options = attachments_.options(slot);
    const fg_interface before = maps_.interfaces[slot];
    auto device = find_device(name);
    attachments_.release(slot);
    auto note = device ? attachments_.attach(*device, options, slot) : std::unexpected(device.error());
    Port &port = ports_[slot];
    if (note) {
        spdlog::warn("attached {} again: its device was replaced, or somebody took the programs off", name);
        port.note = *note;
        port.present = true;
        port.up = device->up;
        return;
    }
    /* Keep the slot, so that the next tick tries again and the sums stay. */
    maps_.interfaces[slot] = before;
    if (port.note != note.error().message)
        spdlog::error("cannot attach {} again: {}", name, note.error().message);
    port.note = note.error().message;
}

DirectionTotals Engine::totals(std::uint32_t slot, fg_direction direction) const
{
    const fg_ledger_entry &sum = drain_.ledger(slot, direction);
    const Port::Side &side = ports_[slot].sides[direction];
    return {.total = volume_of(sum.total),
            .dropped = volume_of(sum.dropped),
            .flows = volume_of(sum.flows),
            .overflow = volume_of(sum.overflow[FG_OVERFLOW_RECORDS_FULL]) +
                        volume_of(sum.overflow[FG_OVERFLOW_INDEX_FULL]) +
                        volume_of(sum.overflow[FG_OVERFLOW_NOT_ADMITTED]),
            .non_ip = volume_of(sum.non_ip),
            .bits = side.bits.rates(flows_.clock()),
            .packets = side.packets.rates(flows_.clock()),
            .dropped_packets = side.dropped.rates(flows_.clock())};
}

InterfaceStatus Engine::describe(std::uint32_t slot) const
{
    const fg_interface &entry = maps_.interfaces[slot];
    InterfaceStatus status{.name = entry.name,
                           .ifindex = entry.ifindex,
                           .slot = static_cast<std::uint8_t>(slot),
                           .present = ports_[slot].present,
                           .ingress_hook = std::string(hook_name(entry.ingress_hook)),
                           .egress_hook = std::string(hook_name(entry.egress_hook)),
                           .ingress_program_id = entry.ingress_program_id,
                           .egress_program_id = entry.egress_program_id,
                           .tunnels = attachments_.options(slot).tunnels,
                           .note = ports_[slot].note,
                           .rx = totals(slot, FG_RX),
                           .tx = totals(slot, FG_TX),
                           .losses = losses(slot)};
    if (!status.present)
        status.ingress_hook = status.egress_hook = "off";
    else if (!ports_[slot].up)
        status.note += fmt::format("{}{} is down: nothing is counted until 'ip link set {} up'",
                                   status.note.empty() ? "" : "; ", entry.name, entry.name);
    return status;
}

std::map<std::string, std::uint64_t> Engine::losses(std::uint32_t slot) const
{
    constexpr std::array<const char *, FG_OVERFLOW_REASONS> names{"overflow_records_full", "overflow_index_full",
                                                                  "overflow_not_admitted"};
    std::map<std::string, std::uint64_t> counts;
    for (const auto direction : {FG_RX, FG_TX})
        for (std::size_t reason = 0; reason < names.size(); reason++)
            if (const std::uint64_t packets = drain_.ledger(slot, direction).overflow[reason].packets)
                counts[names.at(reason)] += packets;
    return counts;
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
        snapshot->blocks = block_count_;
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

void Engine::count_blocks() { block_count_ = Blocklist(maps_).size(); }

/// The kernel ignores what has expired; it is removed here. Reading a long list each tick would cost too much.
void Engine::sweep_blocks()
{
    constexpr std::size_t short_list = 4096;
    constexpr std::uint64_t ticks_between = 60;
    Blocklist blocks(maps_);
    if (blocks.size() != 0 && (blocks.size() <= short_list || ticks_ % ticks_between == 0))
        if (auto live = blocks.list(boot_time_ns()); !live)
            spdlog::warn("cannot remove expired blocks: {}", live.error().message);
    count_blocks();
}

std::shared_ptr<const Snapshot> Engine::snapshot() const
{
    const std::lock_guard lock(snapshot_mutex_);
    return snapshot_;
}

bool Engine::has_interfaces() const
{
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(maps_.interfaces.subspan(0, FG_MAX_INTERFACES),
                               [](const fg_interface &entry) { return entry.ifindex != 0; });
}

Json Engine::attached_json(const std::vector<std::string> &names, bool changed) const
{
    Json list = Json::array();
    for (const std::string &name : names) {
        const auto slot = attachments_.find(name);
        if (!slot)
            continue;
        const InterfaceStatus status = describe(*slot);
        list.push_back({{"name", name},
                        {"ingress", {{"hook", status.ingress_hook}, {"program_id", status.ingress_program_id}}},
                        {"egress", {{"hook", status.egress_hook}, {"program_id", status.egress_program_id}}},
                        {"tunnels", status.tunnels},
                        {"note", status.note}});
    }
    return Json{{"changed", changed}, {"interfaces", list}};
}

Result<Json> Engine::attach(const std::vector<std::string> &names, XdpMode mode, std::optional<bool> tunnels,
                            bool dry_run)
{
    const std::lock_guard lock(mutex_);
    std::vector<Device> missing;
    for (const std::string &name : names) {
        auto device = find_device(name);
        if (!device)
            return std::unexpected(device.error());
        const auto slot = attachments_.find(name);
        if (slot && tunnels && attachments_.options(*slot).tunnels != *tunnels)
            return std::unexpected(attached_otherwise(name, *tunnels));
        if (!slot && std::ranges::none_of(missing, [&](const Device &other) { return other.name == name; }))
            missing.push_back(std::move(*device));
    }
    if (missing.empty() || dry_run)
        return attached_json(names, !missing.empty());
    if (auto attached = attach_all(missing, {mode, tunnels.value_or(config_.tunnels)}); !attached)
        return attached;
    if (auto drained = drain(); !drained)
        return std::unexpected(drained.error());
    publish();
    return attached_json(names, true);
}

Result<Json> Engine::attach_all(const std::vector<Device> &devices, const AttachOptions &options)
{
    std::vector<std::uint32_t> done;
    for (const Device &device : devices) {
        const auto slot = attachments_.free_slot();
        Result<std::string> note = slot ? Result<std::string>{} : std::unexpected(slot.error());
        if (slot) {
            ports_[*slot] = {};
            drain_.reset_slot(*slot);
            note = attachments_.attach(device, options, *slot);
        }
        if (!note) {
            for (const std::uint32_t attached : done)
                attachments_.detach(attached);
            return std::unexpected(note.error());
        }
        ports_[*slot].note = *note;
        ports_[*slot].up = device.up;
        done.push_back(*slot);
        spdlog::info("attached {}: {} and {}{}{}", device.name, hook_name(maps_.interfaces[*slot].ingress_hook),
                     hook_name(maps_.interfaces[*slot].egress_hook), note->empty() ? "" : "; ", *note);
    }
    return Json();
}

void Engine::detach_slot(std::uint32_t slot)
{
    const std::string name = maps_.interfaces[slot].name;
    if (!attachments_.detach(slot))
        spdlog::warn("the kernel still holds a program of {}", name);
    spdlog::info("detached {}", name);
}

void Engine::forget_slot(std::uint8_t slot)
{
    flows_.drop_slot(slot);
    overflow_.drop_slot(slot);
}

Result<Json> Engine::detach(const std::vector<std::string> &names, bool dry_run)
{
    const std::lock_guard lock(mutex_);
    std::vector<std::uint32_t> slots;
    Json list = Json::array();
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++) {
        const fg_interface &entry = maps_.interfaces[slot];
        if (entry.ifindex == 0 || (!names.empty() && std::ranges::find(names, entry.name) == names.end()))
            continue;
        slots.push_back(slot);
        list.push_back(entry.name);
    }
    const bool ending = names.empty();
    const Json answer{{"changed", ending || !slots.empty()}, {"interfaces", list}, {"ending", ending}};
    if (dry_run)
        return answer;
    for (const std::uint32_t slot : slots)
        detach_slot(slot);
    /* Twice: what the programs counted last may stand in either half. */
    for (int i = 0; i < 2 && !slots.empty(); i++)
        if (auto drained = drain(); !drained)
            return std::unexpected(drained.error());
    for (const std::uint32_t slot : slots)
        forget_slot(static_cast<std::uint8_t>(slot));
    if (ending)
        remove_pins();
    publish();
    return answer;
}

Result<Json> Engine::block(const Json &request, std::uint32_t uid)
{
    std::vector<Protected> protect = protected_addresses();
    for (const IpAddress &address : config_.protect)
        protect.push_back({address, "protected by the configuration"});
    /* The daemon has not the environment of whoever asks. */
    if (const auto peer = IpAddress::parse(request.value("session_peer", "")))
        protect.push_back({*peer, "the peer of your own SSH session"});
    const std::lock_guard lock(policy_mutex_);
    auto changed = flowguard::block(maps_, request, uid, protect);
    count_blocks();
    return changed;
}

Result<Json> Engine::unblock(const std::string &target_or_id, bool dry_run)
{
    const std::lock_guard lock(policy_mutex_);
    auto changed = flowguard::unblock(maps_, target_or_id, dry_run);
    count_blocks();
    return changed;
}

Result<Json> Engine::blocks()
{
    const std::lock_guard lock(policy_mutex_);
    return list_blocks(maps_);
}

Result<std::vector<std::string>> clean_up(const std::filesystem::path &pins, const std::vector<std::string> &names,
                                          bool dry_run)
{
    auto maps = Maps::open(pins);
    std::vector<std::string> detached;
    if (maps) {
        Attachments attachments(*maps, pins);
        for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++) {
            const std::string name = maps->interfaces[slot].name;
            if (maps->interfaces[slot].ifindex == 0 ||
                (!names.empty() && std::ranges::find(names, name) == names.end()))
                continue;
            detached.push_back(name);
            if (!dry_run)
                attachments.detach(slot);
        }
    } else if (maps.error().code == ExitCode::Permission) {
        return std::unexpected(maps.error());
    }
    if (names.empty() && !dry_run) {
        /* Maps of another version: links are found by their pins alone, and go with them. */
        std::error_code ignored;
        std::filesystem::remove_all(pins, ignored);
        remove_directories(pins);
    }
    return detached;
}

} // namespace flowguard
