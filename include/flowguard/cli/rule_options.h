// SPDX-License-Identifier: Apache-2.0
/* What block, allow and limit have in common. */
#pragma once

#include "flowguard/cli/command.h"

#include <cstdint>
#include <functional>
#include <string>

namespace flowguard {

struct RuleOptions {
    std::string target;
    std::string lifetime;
    std::string reason;
    std::string proto;
    std::string port;
    std::string source_port;
    std::string interface;
    std::string icmp_type;
    std::string tcp_flags;
    std::string min_length;
    std::string max_length;
    std::string priority;
    bool in = false;
    bool out = false;
    bool both = false;
    bool dry_run = false;

    /// All but the target. `directions`: what is meant without one.
    void add_to(CLI::App &command, const char *directions);
    /// As core/rule_json.h reads it.
    Result<Json> request() const;
};

/// `otherwise` runs if there is no daemon, and for root alone.
Result<Json> or_without_daemon(Result<Json> answer, const std::function<Result<Json>()> &otherwise);
/// As JSON, or as `print` does it.
Result<void> show(const Context &context, const Result<Json> &answer, const std::function<void(const Json &)> &print);
/// `verb` is what happened if something changed, `same` if not.
void print_change(const Json &answer, const std::string &verb, const std::string &same);
/// Rules of one action, or of all if it is empty.
void print_rules(const Json &answer, const std::string &action);

} // namespace flowguard
