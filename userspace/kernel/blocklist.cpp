// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/blocklist.h"

#include "flowguard/kernel/gate.h"
#include "flowguard/kernel/ruleset.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace flowguard {
namespace {

constexpr std::uint32_t batch = 4096;

bool is_live(const fg_block &block, std::uint64_t boot_ns)
{
    return block.expires_boot_ns == 0 || boot_ns < block.expires_boot_ns;
}

std::uint64_t lifetime_ns(const BlockRequest &request)
{
    return static_cast<std::uint64_t>(request.lifetime->count()) * 1'000'000'000;
}

bool covers(const fg_block &block, const BlockRequest &request, std::uint64_t boot_ns)
{
    if ((block.directions & request.directions) != request.directions)
        return false;
    if (block.expires_boot_ns == 0)
        return true;
    if (!request.lifetime)
        return false;
    const std::uint64_t wanted = lifetime_ns(request);
    return block.expires_boot_ns - boot_ns >= wanted - wanted / 10;
}

void set_reason(fg_block &block, const std::string &reason)
{
    std::memset(block.reason, 0, sizeof block.reason);
    std::ranges::copy(reason, block.reason);
}

Error full(std::uint32_t entries)
{
    return {ExitCode::Failed, fmt::format("the blocklist is full ({} addresses and {} prefixes); lift some with "
                                          "'flowguard unblock', or set a greater 'max_blocks'",
                                          entries, entries)};
}

Error write_error(const char *action, const IpPrefix &target, int error)
{
    if (error == EPERM)
        return {ExitCode::Permission,
                fmt::format("cannot {} {}: not permitted; run as root", action, target.to_string())};
    return {ExitCode::Failed, fmt::format("cannot {} {}: {}", action, target.to_string(), std::strerror(error))};
}

/// The two maps of the list have keys of their own.
struct HostKey : fg_address {
    static constexpr const char *map = "fg_blocks";
    static constexpr bool of_hosts = true;
    HostKey() = default;
    explicit HostKey(const IpPrefix &target) : fg_address(target.first().to_abi()) {}
    IpPrefix target() const { return IpAddress(bytes); }
};

struct PrefixKey : fg_prefix {
    static constexpr const char *map = "fg_prefixes";
    static constexpr bool of_hosts = false;
    PrefixKey() = default;
    explicit PrefixKey(const IpPrefix &target) : fg_prefix{target.bits(), {}}
    {
        std::ranges::copy(target.first().bytes(), bytes);
    }
    IpPrefix target() const { return {IpAddress(bytes), bits}; }
};
static_assert(sizeof(HostKey) == sizeof(fg_address) && sizeof(PrefixKey) == sizeof(fg_prefix));

/// Calls `act` with the map and the key of `target`.
template <class Act> auto with_key(const Maps &maps, const IpPrefix &target, Act act)
{
    if (target.is_host()) {
        const HostKey key(target);
        return act(maps.fd(HostKey::map), static_cast<const void *>(&key));
    }
    const PrefixKey key(target);
    return act(maps.fd(PrefixKey::map), static_cast<const void *>(&key));
}

/// In batches: a full list is read in a few system calls. The caller keeps others from changing it meanwhile.
template <class Key> Result<void> read_map(const Maps &maps, std::vector<Block> &blocks)
{
    std::vector<Key> keys(batch);
    std::vector<fg_block> values(batch);
    std::array<std::uint8_t, sizeof(Key)> position{};
    for (bool first = true, more = true; more; first = false) {
        std::uint32_t count = batch;
        const int failed = bpf_map_lookup_batch(maps.fd(Key::map), first ? nullptr : position.data(), position.data(),
                                                keys.data(), values.data(), &count, nullptr);
        if (failed && errno != ENOENT)
            return fail(ExitCode::Failed, fmt::format("cannot read the blocklist: {}", std::strerror(errno)));
        more = !failed;
        for (std::uint32_t i = 0; i < count; i++)
            blocks.push_back({keys[i].target(), values[i]});
    }
    return {};
}

template <class Key> Result<void> write_map(const Maps &maps, std::span<const Block> blocks)
{
    std::vector<Key> keys;
    std::vector<fg_block> values;
    for (const Block &block : blocks) {
        if (block.target.is_host() != Key::of_hosts)
            continue;
        keys.emplace_back(block.target);
        values.push_back(block.entry);
    }
    for (std::size_t done = 0; done < keys.size();) {
        std::uint32_t count = static_cast<std::uint32_t>(std::min<std::size_t>(batch, keys.size() - done));
        if (bpf_map_update_batch(maps.fd(Key::map), &keys[done], &values[done], &count, nullptr) != 0)
            return std::unexpected(write_error("block", keys[done + count].target(), errno));
        done += count;
    }
    return {};
}

} // namespace

std::optional<fg_block> Blocklist::find(const IpPrefix &target) const
{
    fg_block block{};
    const bool found = with_key(maps_, target,
                                [&](int fd, const void *key) { return bpf_map_lookup_elem(fd, key, &block) == 0; });
    /* A trie answers with the longest prefix that it has. */
    return found && block.prefix_bits == target.bits() ? std::optional(block) : std::nullopt;
}

fg_block Blocklist::make_entry(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now)
{
    fg_block block{};
    block.id = ++maps_.control().last_block_id;
    block.created_realtime_ns = static_cast<std::uint64_t>(now);
    block.prefix_bits = request.target.bits();
    block.directions = request.directions;
    block.uid = request.uid;
    block.expires_boot_ns = request.lifetime ? boot_ns + lifetime_ns(request) : 0;
    set_reason(block, request.reason);
    return block;
}

/// What programs ask first stands before the entry does: the gate, and the counts.
Result<void> Blocklist::store(const IpPrefix &target, const fg_block &entry)
{
    fg_control &control = maps_.control();
    auto gate = Gate::open(maps_);
    if (!gate)
        return std::unexpected(gate.error());
    const bool added = !find(target);
    std::uint32_t &count = target.is_host() ? control.hosts : control.prefixes;
    if (added && count >= control.max_blocks)
        return std::unexpected(full(control.max_blocks));
    gate->allow(target);
    if (added) {
        control.short_prefixes += is_short_prefix(target) ? 1 : 0;
        __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
    }
    if (with_key(maps_, target,
                 [&](int fd, const void *key) { return bpf_map_update_elem(fd, key, &entry, BPF_ANY); })) {
        const int error = errno;
        if (added) {
            __atomic_store_n(&count, count - 1, __ATOMIC_RELEASE);
            control.short_prefixes -= is_short_prefix(target) ? 1 : 0;
        }
        return std::unexpected(error == E2BIG || error == ENOSPC ? full(control.max_blocks)
                                                                 : write_error("block", target, error));
    }
    return {};
}

Result<BlockChange> Blocklist::add(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run)
{
    if (request.reason.size() >= FG_REASON_LENGTH)
        return fail(ExitCode::Usage,
                    fmt::format("the reason is {} bytes long; {} fit", request.reason.size(), FG_REASON_LENGTH - 1));
    const std::optional<fg_block> old = find(request.target);
    const bool live = old && is_live(*old, boot_ns);
    if (live && covers(*old, request, boot_ns))
        return BlockChange{false, old->id, request.target};
    if (dry_run)
        return BlockChange{true, live ? old->id : 0, request.target};

    fg_block block = live ? *old : make_entry(request, boot_ns, now);
    block.directions |= request.directions;
    block.uid = request.uid;
    block.expires_boot_ns = request.lifetime ? boot_ns + lifetime_ns(request) : 0;
    if (!request.reason.empty())
        set_reason(block, request.reason);
    if (auto stored = store(request.target, block); !stored)
        return std::unexpected(stored.error());
    return BlockChange{true, block.id, request.target};
}

Result<void> Blocklist::add_all(std::span<const BlockRequest> requests, std::uint64_t boot_ns, TimeNs now)
{
    fg_control &control = maps_.control();
    std::vector<Block> blocks;
    std::size_t hosts = 0;
    for (const BlockRequest &request : requests) {
        blocks.push_back({request.target, make_entry(request, boot_ns, now)});
        hosts += request.target.is_host() ? 1 : 0;
    }
    if (control.hosts + hosts > control.max_blocks || control.prefixes + (blocks.size() - hosts) > control.max_blocks)
        return std::unexpected(full(control.max_blocks));
    auto gate = Gate::open(maps_);
    if (!gate)
        return std::unexpected(gate.error());
    for (const Block &block : blocks)
        gate->allow(block.target);
    control.short_prefixes += static_cast<std::uint32_t>(blocks.size() - hosts);
    __atomic_store_n(&control.prefixes, control.prefixes + static_cast<std::uint32_t>(blocks.size() - hosts),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&control.hosts, control.hosts + static_cast<std::uint32_t>(hosts), __ATOMIC_RELEASE);
    auto written = write_map<HostKey>(maps_, blocks);
    if (written)
        written = write_map<PrefixKey>(maps_, blocks);
    auto settled = recover();
    return written ? settled : written;
}

Result<void> Blocklist::recover()
{
    const auto all = read_all();
    if (!all)
        return std::unexpected(all.error());
    return settle(*all);
}

Result<std::vector<Block>> Blocklist::read_all() const
{
    std::vector<Block> blocks;
    auto read = read_map<HostKey>(maps_, blocks);
    if (read)
        read = read_map<PrefixKey>(maps_, blocks);
    if (!read)
        return std::unexpected(read.error());
    return blocks;
}

/// Counts, and a gate without the bits of entries that are gone.
Result<void> Blocklist::settle(const std::vector<Block> &blocks)
{
    auto gate = Gate::open(maps_);
    if (!gate)
        return std::unexpected(gate.error());
    auto targets = rule_targets(maps_); /* rules share the gate */
    if (!targets)
        return std::unexpected(targets.error());
    fg_control &control = maps_.control();
    std::uint32_t hosts = 0;
    std::uint32_t short_prefixes = 0;
    for (const Block &block : blocks) {
        targets->push_back(block.target);
        hosts += block.target.is_host() ? 1 : 0;
        short_prefixes += is_short_prefix(block.target) ? 1 : 0;
    }
    gate->rebuild(*targets);
    __atomic_store_n(&control.hosts, hosts, __ATOMIC_RELEASE);
    __atomic_store_n(&control.prefixes, static_cast<std::uint32_t>(blocks.size()) - hosts, __ATOMIC_RELEASE);
    __atomic_store_n(&control.short_prefixes, short_prefixes, __ATOMIC_RELEASE);
    control.gate_stale = 0;
    return {};
}

/// Bits of the gate stay until a fifth of it is stale: they cost time, never a verdict.
Result<void> Blocklist::erase(const std::vector<IpPrefix> &targets)
{
    fg_control &control = maps_.control();
    for (const IpPrefix &target : targets) {
        if (with_key(maps_, target, [](int fd, const void *key) { return bpf_map_delete_elem(fd, key); })) {
            if (errno == ENOENT)
                continue;
            return std::unexpected(write_error("unblock", target, errno));
        }
        std::uint32_t &count = target.is_host() ? control.hosts : control.prefixes;
        __atomic_store_n(&count, count - 1, __ATOMIC_RELEASE);
        control.short_prefixes -= is_short_prefix(target) ? 1 : 0;
        control.gate_stale++;
    }
    return control.gate_stale * 4 <= maps_.block_count() ? Result<void>() : recover();
}

Result<BlockChange> Blocklist::remove(const std::string &target_or_id, std::uint64_t boot_ns, bool dry_run)
{
    std::uint32_t id = 0;
    IpPrefix target;
    const char *end = target_or_id.data() + target_or_id.size();
    if (std::from_chars(target_or_id.data(), end, id).ptr == end && !target_or_id.empty()) {
        auto blocks = list(boot_ns);
        if (!blocks)
            return std::unexpected(blocks.error());
        const auto found = std::ranges::find(*blocks, id, [](const Block &block) { return block.entry.id; });
        if (found == blocks->end())
            return BlockChange{false, id, target};
        target = found->target;
    } else {
        auto parsed = IpPrefix::parse(target_or_id);
        if (!parsed)
            return std::unexpected(parsed.error());
        target = *parsed;
    }
    const std::optional<fg_block> block = find(target);
    if (block && !dry_run)
        if (auto erased = erase({target}); !erased)
            return std::unexpected(erased.error());
    const bool live = block && is_live(*block, boot_ns);
    return BlockChange{live, live ? block->id : 0, target};
}

Result<std::vector<Block>> Blocklist::list(std::uint64_t boot_ns)
{
    auto all = read_all();
    if (!all)
        return all;
    std::vector<Block> live;
    std::vector<IpPrefix> expired;
    for (const Block &block : *all) {
        if (is_live(block.entry, boot_ns))
            live.push_back(block);
        else
            expired.push_back(block.target);
    }
    if (!expired.empty())
        if (auto erased = erase(expired); !erased)
            return std::unexpected(erased.error());
    std::ranges::sort(live, {}, [](const Block &block) { return block.entry.id; });
    return live;
}

} // namespace flowguard
