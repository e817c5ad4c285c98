// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/blocklist.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace flowguard {
namespace {

bool is_live(const fg_block &block, std::uint64_t boot_ns)
{
    return block.expires_boot_ns == 0 || boot_ns < block.expires_boot_ns;
}

bool covers(const fg_block &block, const BlockRequest &request, std::uint64_t boot_ns)
{
    if ((block.directions & request.directions) != request.directions)
        return false;
    if (block.expires_boot_ns == 0)
        return true;
    if (!request.lifetime)
        return false;
    const std::uint64_t wanted = static_cast<std::uint64_t>(request.lifetime->count()) * 1'000'000'000;
    return block.expires_boot_ns - boot_ns >= wanted - wanted / 10;
}

Error write_error(const char *action, const IpAddress &target, int error)
{
    if (error == E2BIG)
        return {ExitCode::Failed, fmt::format("cannot {} {}: the blocklist is full ({} entries); lift some with "
                                              "'flowguard unblock'",
                                              action, target.to_string(), FG_MAX_BLOCKS)};
    if (error == EPERM)
        return {ExitCode::Permission,
                fmt::format("cannot {} {}: not permitted; run as root", action, target.to_string())};
    return {ExitCode::Failed, fmt::format("cannot {} {}: {}", action, target.to_string(), std::strerror(error))};
}

/// In batches: a full list is read in a few system calls. The caller keeps others from changing it meanwhile.
Result<std::vector<Block>> read_all(int fd)
{
    constexpr std::uint32_t batch = 4096;
    std::vector<fg_address> keys(batch);
    std::vector<fg_block> values(batch);
    std::vector<Block> blocks;
    std::uint32_t position = 0;
    for (bool first = true, more = true; more; first = false) {
        std::uint32_t count = batch;
        const int failed = bpf_map_lookup_batch(fd, first ? nullptr : &position, &position, keys.data(), values.data(),
                                                &count, nullptr);
        if (failed && errno != ENOENT)
            return fail(ExitCode::Failed, fmt::format("cannot read the blocklist: {}", std::strerror(errno)));
        more = !failed;
        for (std::uint32_t i = 0; i < count; i++)
            blocks.push_back({IpAddress(keys[i].bytes), values[i]});
    }
    return blocks;
}

} // namespace

Result<BlockChange> Blocklist::add(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run)
{
    if (request.reason.size() >= FG_REASON_LENGTH)
        return fail(ExitCode::Usage,
                    fmt::format("the reason is {} bytes long; {} fit", request.reason.size(), FG_REASON_LENGTH - 1));
    const int fd = maps_.fd("fg_blocks");
    const fg_address key = request.target.to_abi();
    fg_block block{};
    const bool live = bpf_map_lookup_elem(fd, &key, &block) == 0 && is_live(block, boot_ns);
    if (live && covers(block, request, boot_ns))
        return BlockChange{false, block.id, request.target};
    if (dry_run)
        return BlockChange{true, live ? block.id : 0, request.target};

    if (!live) {
        block = {};
        block.id = ++maps_.control().last_block_id;
        block.created_realtime_ns = static_cast<std::uint64_t>(now);
    }
    block.directions |= request.directions;
    block.uid = request.uid;
    block.expires_boot_ns = request.lifetime
                                ? boot_ns + static_cast<std::uint64_t>(request.lifetime->count()) * 1'000'000'000
                                : 0;
    if (!request.reason.empty()) {
        std::memset(block.reason, 0, sizeof block.reason);
        std::ranges::copy(request.reason, block.reason);
    }
    if (bpf_map_update_elem(fd, &key, &block, BPF_ANY) != 0)
        return std::unexpected(write_error("block", request.target, errno));
    __atomic_store_n(&maps_.control().blocks_used, 1, __ATOMIC_RELEASE);
    return BlockChange{true, block.id, request.target};
}

Result<void> Blocklist::erase(const IpAddress &target)
{
    const fg_address key = target.to_abi();
    if (bpf_map_delete_elem(maps_.fd("fg_blocks"), &key) != 0 && errno != ENOENT)
        return std::unexpected(write_error("unblock", target, errno));
    return {};
}

Result<BlockChange> Blocklist::remove(const std::string &target_or_id, std::uint64_t boot_ns, bool dry_run)
{
    std::uint32_t id = 0;
    const char *end = target_or_id.data() + target_or_id.size();
    const bool by_id = std::from_chars(target_or_id.data(), end, id).ptr == end && !target_or_id.empty();
    IpAddress target;
    if (!by_id) {
        auto parsed = IpAddress::parse(target_or_id);
        if (!parsed)
            return std::unexpected(parsed.error());
        target = *parsed;
    }
    auto blocks = list(boot_ns);
    if (!blocks)
        return std::unexpected(blocks.error());
    const auto found = std::ranges::find_if(
        *blocks, [&](const Block &block) { return by_id ? block.entry.id == id : block.target == target; });
    if (found == blocks->end())
        return BlockChange{false, id, target};
    if (!dry_run) {
        if (auto erased = erase(found->target); !erased)
            return std::unexpected(erased.error());
        if (blocks->size() == 1)
            __atomic_store_n(&maps_.control().blocks_used, 0, __ATOMIC_RELEASE);
    }
    return BlockChange{true, found->entry.id, found->target};
}

Result<std::vector<Block>> Blocklist::list(std::uint64_t boot_ns)
{
    auto all = read_all(maps_.fd("fg_blocks"));
    if (!all)
        return all;
    std::vector<Block> live;
    std::vector<IpAddress> expired;
    for (const Block &block : *all) {
        if (is_live(block.entry, boot_ns))
            live.push_back(block);
        else
            expired.push_back(block.target);
    }
    for (const IpAddress &target : expired)
        if (auto erased = erase(target); !erased)
            return std::unexpected(erased.error());
    if (live.empty())
        __atomic_store_n(&maps_.control().blocks_used, 0, __ATOMIC_RELEASE);
    std::ranges::sort(live, {}, [](const Block &block) { return block.entry.id; });
    return live;
}

} // namespace flowguard
