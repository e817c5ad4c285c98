// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/names.h"

#include <utility>

namespace flowguard {

void Names::note(const DnsMessage &message)
{
    constexpr std::size_t longest = 253; ///< of a name without escapes, RFC 1035
    if (!message.response || message.name.empty() || message.name.size() > longest)
        return;
    for (const DnsAnswer &answer : message.answers) {
        if (!answer.address)
            continue;
        if (young_.full() && !young_.find(*answer.address)) {
            old_ = std::move(young_);
            young_ = Map(max_names / 2);
        }
        if (std::string *name = young_.at(*answer.address))
            *name = message.name;
    }
}

std::string Names::name_of(const IpAddress &address) const
{
    if (const std::string *name = young_.find(address))
        return *name;
    const std::string *name = old_.find(address);
    return name ? *name : std::string();
}

} // namespace flowguard
