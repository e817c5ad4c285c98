// SPDX-License-Identifier: Apache-2.0
/* The engine's interfaces: attaching and detaching, keeping them attached, and what each of them has counted. */
#include "flowguard/daemon/engine.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <net/if.h>

namespace flowguard {
namespace {

Volume volume_of(const fg_volume &volume) { return {volume.packets, volume.bytes}; }

Error attached_otherwise(const std::string &name, bool tunnels)
{
    return {ExitCode::Failed, fmt::format("{0} is attached {1} tunnels, and its flows would change their meaning: "
                                          "'flowguard detach {0}' first, then attach it {2} tunnels",
                                          name, tunnels ? "without" : "with", tunnels ? "with" : "without")};
}

} // namespace

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
    settle_rules();
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
    else
        settle_rules();
    publish();
    return answer;
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
            settle_rules();
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
    for (const auto direction : {FG_RX, FG_TX}) {
        const fg_ledger_entry &sum = drain_.ledger(slot, direction);
        if (sum.not_sampled)
            counts["dns_not_sampled"] += sum.not_sampled;
        if (sum.samples_lost)
            counts["dns_samples_lost"] += sum.samples_lost;
    }
    return counts;
}

} // namespace flowguard
