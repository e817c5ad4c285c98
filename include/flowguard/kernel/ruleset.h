// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"
#include "flowguard/core/rule_rows.h"
#include "flowguard/kernel/maps.h"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace flowguard {

struct RuleRequest {
    fg_rule rule{}; ///< action, priority, limit, match, uid and reason; the rest is filled in
    std::optional<std::chrono::seconds> lifetime; ///< none: until it is removed
};

struct RuleChange {
    bool changed = false;
    std::uint32_t id = 0; ///< 0: there is no such rule
};

/// The kernel's rules. Works with or without a daemon; callers hold the instance lock. All of a rule is in the maps, so that
/// nothing is lost with a process. `boot_ns` is CLOCK_BOOTTIME now: expired rules count as absent.
///
/// A change is made by turns of a half: traffic is judged by all rules as they were, or by all as they are.
class Ruleset {
  public:
    static Result<Ruleset> open(Maps &maps);

    /// Unchanged if there is a live rule that says the same, for at least nine tenths of the lifetime. If it is there for
    /// another time or reason, these change, and it keeps its counts.
    Result<RuleChange> add(const RuleRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run = false);
    /// All at once for traffic. An id that is not there is no error.
    Result<void> remove(std::span<const std::uint32_t> ids);
    /// Live ones, in the order in which they are asked.
    std::vector<fg_rule> list(std::uint64_t boot_ns) const;
    /// Removes what has expired; the kernel ignores it already.
    Result<void> sweep(std::uint64_t boot_ns);
    /// Makes the rows anew: after interfaces came or went.
    Result<void> install();
    /// If a predecessor died between changing a rule and installing it.
    Result<void> recover();

  private:
    Ruleset(Maps &maps, Mapping rules, Mapping halves, Mapping rows);
    std::span<fg_rule> slots() const { return {static_cast<fg_rule *>(rules_.memory()), FG_MAX_RULES}; }
    fg_rule *find_same(const fg_rule &wanted, std::uint64_t boot_ns) const;
    bool is_installed() const;
    Result<RuleChange> prolong(fg_rule &rule, const RuleRequest &request, std::uint64_t boot_ns, bool dry_run);
    Result<void> write_half(std::uint32_t half, const RuleRows &rows);
    void free_removed();

    Maps &maps_;
    Mapping rules_;
    Mapping halves_;
    Mapping rows_;
};

/// Targets of the rules that stand, for the gate.
Result<std::vector<IpPrefix>> rule_targets(const Maps &maps);

} // namespace flowguard
