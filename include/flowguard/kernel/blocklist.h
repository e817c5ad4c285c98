// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/ip_address.h"
#include "flowguard/kernel/maps.h"

#include <chrono>
#include <optional>
#include <vector>

namespace flowguard {

struct BlockRequest {
    IpAddress target;
    std::uint32_t directions = FG_BLOCK_IN | FG_BLOCK_OUT;
    std::optional<std::chrono::seconds> lifetime; ///< none: until it is lifted
    std::string reason;                           ///< at most FG_REASON_LENGTH - 1 bytes
    std::uint32_t uid = 0;
};

struct Block {
    IpAddress target;
    fg_block entry;
};

struct BlockChange {
    bool changed = false;
    std::uint32_t id = 0;
    IpAddress target;
};

/// The kernel's list of exact addresses. Works with or without a daemon; callers hold the instance lock.
/// `boot_ns` is CLOCK_BOOTTIME now: expired entries count as absent and are removed on the way.
class Blocklist {
  public:
    explicit Blocklist(Maps &maps) : maps_(maps) {}

    /// Unchanged if a live entry covers the request: all its directions, and at least nine tenths of its lifetime.
    Result<BlockChange> add(const BlockRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run = false);
    /// By address or, for text that is a number, by id.
    Result<BlockChange> remove(const std::string &target_or_id, std::uint64_t boot_ns, bool dry_run = false);
    /// Live entries, by id.
    Result<std::vector<Block>> list(std::uint64_t boot_ns);

  private:
    Result<void> erase(const IpAddress &target);

    Maps &maps_;
};

} // namespace flowguard
