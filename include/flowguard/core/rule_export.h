// SPDX-License-Identifier: Apache-2.0
/* The policy in the words of other firewalls, for hosts that have them and for eyes that read them. */
#pragma once

#include "flowguard/abi/rules.h"
#include "flowguard/core/error.h"
#include "flowguard/core/ip_prefix.h"

#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

struct Policy {
    struct Blocked {
        IpPrefix target;
        std::uint32_t directions = 0; ///< enum fg_block_direction, ORed
    };
    std::vector<fg_rule> rules;          ///< in the order in which they are asked
    std::vector<Blocked> blocks;         ///< of the blocklist
    std::vector<std::string> interfaces; ///< that are attached: nothing else is judged
};

/// `format`: "nft" (for 'nft -f'), "iptables" or "ip6tables" (for their '-restore --noflush'). The same verdicts but for what
/// differs there: lengths are those of IP packets, and buckets fill by their own arithmetic. An unknown format is an
/// error with ExitCode::Usage.
Result<std::string> export_policy(const Policy &policy, std::string_view format);

} // namespace flowguard
