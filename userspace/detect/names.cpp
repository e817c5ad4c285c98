// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/names.h"

#include <xxhash.h>

#include <utility>

namespace flowguard {
namespace {

std::uint64_t hash_of(const std::string &name) { return XXH3_64bits(name.data(), name.size()); }

} // namespace

void Names::note_question(const DnsMessage &message)
{
    const Question question{message.client, hash_of(message.name)};
    clients_.at(message.client);
    if (asked_.full() && !asked_.find(question)) {
        asked_earlier_ = std::move(asked_);
        asked_ = Questions(max_questions / 2);
    }
    asked_.at(question);
}

bool Names::was_asked(const DnsMessage &message) const
{
    const Question question{message.client, hash_of(message.name)};
    return !clients_.find(message.client) || asked_.find(question) || asked_earlier_.find(question);
}

bool Names::note(const DnsMessage &message)
{
    constexpr std::size_t longest = 253; ///< of a name without escapes, RFC 1035
    if (!message.response)
        note_question(message);
    else if (!was_asked(message))
        return false;
    if (!message.response || message.name.empty() || message.name.size() > longest)
        return true;
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
    return true;
}

std::string Names::name_of(const IpAddress &address) const
{
    if (const std::string *name = young_.find(address))
        return *name;
    const std::string *name = old_.find(address);
    return name ? *name : std::string();
}

} // namespace flowguard
