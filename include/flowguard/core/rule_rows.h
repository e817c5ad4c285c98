// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/rules.h"
#include "flowguard/core/ip_prefix.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace flowguard {

using InterfaceNames = std::array<std::string, FG_MAX_INTERFACES>; ///< by slot; empty: the slot is free

/// What a half of the kernel's maps holds for a set of rules; see abi/rules.h.
struct RuleRows {
    std::vector<fg_rule_row> rows;
    std::unique_ptr<fg_rule_half> half;
    std::vector<std::pair<IpPrefix, std::uint32_t>> addresses; ///< and their rows, for the trie
};

/// Of `slots`, FG_MAX_RULES at most. Time and memory grow with rules times values that they tell apart.
RuleRows make_rule_rows(std::span<const fg_rule> slots, const InterfaceNames &interfaces);

} // namespace flowguard
