// SPDX-License-Identifier: Apache-2.0
#include "flowguard_subject.h"

#include "flowguard/core/rule_json.h"
#include "flowguard/kernel/blocklist.h"
#include "flowguard/kernel/ruleset.h"

#include <bpf/bpf.h>

#include <fmt/format.h>

#include <bit>
#include <vector>

namespace flowguard::bench {
namespace {

constexpr std::uint32_t slot = 1;
constexpr std::uint32_t max_blocks = 1U << 20;

/// Maps are pinned at birth; nothing is to be left in the file system if this process dies.
Result<Maps> make_maps(std::uint32_t capacity)
{
    const std::filesystem::path pins = fmt::format("/sys/fs/bpf/flowguard-bench-{}", getpid());
    std::error_code error;
    std::filesystem::create_directory(pins, error);
    if (error)
        return fail(ExitCode::Failed,
                    fmt::format("cannot make {}: {}; is the BPF file system mounted?", pins.string(), error.message()));
    auto maps = Maps::create(pins, capacity, max_blocks);
    Maps::unpin(pins);
    std::filesystem::remove(pins, error);
    return maps;
}

IpAddress address_of(std::uint32_t host)
{
    const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>(host >> 16),
                                   static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host)};
    return IpAddress::from_v4(bytes);
}

std::uint64_t packets_of(const fg_ledger_entry &entry)
{
    std::uint64_t packets = entry.flows.packets + entry.non_ip.packets;
    for (const fg_volume &overflow : entry.overflow)
        packets += overflow.packets;
    return packets;
}

} // namespace

Result<void> fill_blocklist(Maps &maps, std::uint32_t hosts, std::uint32_t prefixes)
{
    std::vector<BlockRequest> requests;
    const auto add = [&](const IpPrefix &target) {
        requests.push_back({.target = target, .lifetime = {}, .reason = "benchmark"});
    };
    for (std::uint32_t i = 0; i < hosts; i++)
        add(address_of(blocked_hosts + i));
    for (std::uint32_t i = 0; i < prefixes; i++)
        add(IpPrefix(address_of(blocked_prefixes + (i << 8)), 96 + 24));
    return Blocklist(maps).add_all(requests, boot_time_ns(), real_time_ns());
}

namespace {

/// All at once: one by one each would wait for the kernel.
Result<void> fill_rules(Maps &maps, std::uint32_t rules, bool addresses)
{
    for (std::uint32_t at = 0; at < rules; at++) {
        const std::uint32_t port = 20'000 + at * 30;
        const auto rule = parse_rule({{"action", "block"},
                                      {"target", addresses ? address_of(blocked_hosts + at).to_string() : "any"},
                                      {"proto", "udp"},
                                      {"port", fmt::format("{}-{}", port, port + 20)}});
        if (!rule)
            return std::unexpected(rule.error());
        fg_rule value = *rule;
        value.id = at + 1;
        if (bpf_map_update_elem(maps.fd("fg_rules"), &at, &value, BPF_ANY) != 0)
            return fail(ExitCode::Failed, "cannot write a rule");
    }
    auto ruleset = Ruleset::open(maps);
    return ruleset ? ruleset->install() : std::unexpected(ruleset.error());
}

} // namespace

Result<void> fill_port_rules(Maps &maps, std::uint32_t rules) { return fill_rules(maps, rules, false); }
Result<void> fill_address_rules(Maps &maps, std::uint32_t rules) { return fill_rules(maps, rules, true); }

Result<std::unique_ptr<FlowguardSubject>> FlowguardSubject::load(std::uint64_t flows)
{
    const std::uint64_t wanted = std::max<std::uint64_t>(usual_capacity(), std::bit_ceil(flows + flows / 3 + 1));
    const auto capacity = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, FG_MAX_CAPACITY));
    if (const auto fits = check_capacity(capacity, possible_cpus(), physical_memory_bytes()); !fits)
        return std::unexpected(fits.error());
    auto maps = make_maps(capacity);
    if (!maps)
        return std::unexpected(maps.error());
    auto programs = Programs::load(*maps, Device{.name = "bench", .ifindex = 1, .link = FG_LINK_ETHERNET, .up = true},
                                   slot);
    if (!programs)
        return std::unexpected(programs.error());
    return std::unique_ptr<FlowguardSubject>(new FlowguardSubject(std::move(*maps), std::move(*programs)));
}

Result<Counted> FlowguardSubject::drain()
{
    Counted counted;
    if (auto drained = drain_.run([&](const fg_flow_record &, fg_direction) { counted.flows++; }); !drained)
        return std::unexpected(drained.error());
    const fg_ledger_entry &sums = drain_.ledger(slot, FG_RX);
    counted.packets = packets_of(sums) - packets_of(seen_);
    counted.dropped = sums.dropped.packets - seen_.dropped.packets;
    if (sums.total.packets - seen_.total.packets != counted.packets)
        return fail(ExitCode::Failed, fmt::format("flowguard's totals say {} packets, its flows and overflow {}",
                                                  sums.total.packets - seen_.total.packets, counted.packets));
    seen_ = sums;
    return counted;
}

std::uint64_t FlowguardSubject::kernel_bytes() const { return maps_.measured_memory_bytes(); }

std::uint32_t usual_capacity() { return default_capacity(possible_cpus(), physical_memory_bytes()); }

} // namespace flowguard::bench
