// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/kernel/device.h"
#include "flowguard/kernel/maps.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

/// Rules as JSON in, JSON out; the same with a daemon and without one. See core/rule_json.h for what a request says.
/// `protect`: addresses that no rule blocks without "force".
Result<Json> add_rule(Maps &maps, const Json &request, std::uint32_t uid, const std::vector<Protected> &protect);
/// Those of an action ("allow", "block", "limit") that are meant by an id, a target or, for limits, a service like
/// "tcp/22". None is no error.
Result<Json> remove_rules(Maps &maps, std::string_view action, const std::string &which, bool dry_run);
/// All, in the order in which they are asked.
Result<Json> list_rules(Maps &maps);
/// {"text": ...} in the words of another firewall, with the blocklist.
Result<Json> export_rules(Maps &maps, const std::string &format);

struct RuleCounts {
    std::size_t allows = 0;
    std::size_t blocks = 0;
    std::size_t limits = 0;
};
Result<RuleCounts> count_rules(Maps &maps);

} // namespace flowguard
