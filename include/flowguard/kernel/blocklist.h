// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/ip_prefix.h"
#include "flowguard/kernel/maps.h"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace flowguard {

struct BlockRequest {
    IpPrefix target;
    std::uint32_t directions = FG_BLOCK_IN | FG_BLOCK_OUT;
    std::optional<std::chrono::seconds> lifetime; ///< none: until it is lifted
    std::string reason;                           ///< at most FG_REASON_LENGTH - 1 bytes
    std::uint32_t uid = 0;
};

struct Block {
    IpPrefix target;
    fg_block entry;
};

struct BlockChange {
    bool changed = false;
    std::uint32_t id = 0;
    IpPrefix target;
};

/// The kernel's lists of addresses and prefixes. Works with or without a daemon; callers hold the instance lock.
/// `boot_ns` is CLOCK_BOOTTIME now: expired entries count as absent and are removed on the way.
class Blocklist {
  public:
    explicit Blocklist(Maps &maps) : maps_(maps) {}

    /// Unchanged if a live entry of the same target covers the request: all its directions, and at least nine tenths of
    /// its lifetime.
    Result<BlockChange> add(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run = false);
    /// Many at once, in a few system calls; entries of the same target are replaced. All, or none for want of room.
    Result<void> add_all(std::span<const BlockRequest> requests, std::uint64_t boot_ns, TimeNs now);
    /// By target or, for text that is a number, by id.
    Result<BlockChange> remove(const std::string &target_or_id, std::uint64_t boot_ns, bool dry_run = false);
    /// Live entries, by id.
    Result<std::vector<Block>> list(std::uint64_t boot_ns);
    /// Makes counts and gate agree with the lists; to be called once after a predecessor may have died.
    Result<void> recover();

  private:
    Result<void> store(const IpPrefix &target, const fg_block &entry);
    std::optional<fg_block> find(const IpPrefix &target) const;
    Result<void> erase(const std::vector<IpPrefix> &targets);
    Result<std::vector<Block>> read_all() const;
    Result<void> settle(const std::vector<Block> &blocks);
    fg_block make_entry(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now);

    Maps &maps_;
};

} // namespace flowguard
