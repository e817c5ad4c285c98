// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/kernel/blocklist.h"
#include "flowguard/kernel/device.h"

namespace flowguard {

/// Policy commands as JSON in, JSON out; the same with a daemon and without one.
/// `protect`: addresses that are refused without "force".
Result<Json> block(Maps &maps, const Json &request, std::uint32_t uid, const std::vector<Protected> &protect);
Result<Json> unblock(Maps &maps, const std::string &target_or_id, bool dry_run);
Result<Json> list_blocks(Maps &maps);

/// Why this should not be blocked, as "is ..." or "contains ..."; nothing if it may be.
std::optional<std::string> refusal(const IpPrefix &target, const std::vector<Protected> &protect);

} // namespace flowguard
