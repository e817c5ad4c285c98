// SPDX-License-Identifier: Apache-2.0
#include "exfil_dns_lookups.h"

#include "flowguard/detect/registered_domain.h"

#include <arpa/nameser.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <optional>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;

/// Services that are asked by names with hashes or addresses in them, by design: reputation of files, mails and addresses.
/// What they carry cannot be told from a tunnel by its form, and their operators are known.
constexpr std::array<std::string_view, 22> reputation_services{
    "abuseat.org",
    "avast.com",
    "barracudacentral.org",
    "bitdefender.net",
    "cymru.com",
    "dnswl.org",
    "e5.sk",
    "eset.com",
    "gdatasecurity.de",
    "kaspersky-labs.com",
    "kaspersky.com",
    "mcafee.com",
    "senderbase.org",
    "sophosxl.net",
    "sorbs.net",
    "spamcop.net",
    "spamhaus.net",
    "spamhaus.org",
    "surbl.org",
    "trellix.com",
    "trendmicro.com",
    "uribl.com",
};

/// "_ldap", "_acme-challenge": said by a standard (RFC 8552), not by the client.
bool is_attribute(std::string_view label)
{
    constexpr std::size_t longest = 24;
    return label.starts_with('_') && label.size() <= longest;
}

/// RFC 1035's NULL was experimental, RFC 2535's KEY is obsolete, and 65280 to 65534 are private: tunnels like them.
bool is_obsolete(std::uint16_t type) { return type == ns_t_null || type == ns_t_key || type >= 65280; }

/// Types whose answers hold a text or a name of the server's choice.
bool holds_data(std::uint16_t type)
{
    return is_obsolete(type) || type == ns_t_txt || type == ns_t_cname || type == ns_t_mx || type == ns_t_srv;
}

/// RFC 5782: lists answer with addresses from 127.0.0.2 on. 127.0.0.1 is no verdict: tunnels that only send say it, too.
bool is_verdict(const DnsMessage &message)
{
    const auto is_code = [](const DnsAnswer &answer) {
        return answer.address && answer.address->is_v4() && answer.address->is_loopback() &&
               answer.address->bytes()[15] != 1;
    };
    return !message.answers.empty() && std::ranges::all_of(message.answers, is_code);
}

/// The part of the name below its domain; nothing: it cannot carry anything worth counting.
struct Place {
    std::string_view domain; ///< empty: under no public suffix
    std::uint64_t hash = 0;
};

std::optional<Place> place_of(const DnsMessage &message)
{
    const std::string_view name = message.name;
    const std::string_view domain = registered_domain(name);
    if (has_public_suffix(name)) {
        if (domain.empty() || domain.size() == name.size() || std::ranges::count(reputation_services, domain) > 0)
            return {};
        return Place{domain, XXH3_64bits(domain.data(), domain.size())};
    }
    /* A tunnel to a server of its own needs no domain: what is asked of one server is taken together. */
    const auto &server = message.server.bytes();
    return Place{{}, XXH3_64bits(server.data(), server.size())};
}

/// Adds the label; false: it was known. When there are too many, all are learnt anew: each counts once again then.
bool note_label(std::vector<std::uint32_t> &known, const std::string &label)
{
    const auto hash = static_cast<std::uint32_t>(XXH3_64bits(label.data(), label.size()));
    const auto place = std::ranges::lower_bound(known, hash);
    if (place != known.end() && *place == hash)
        return false;
    if (known.size() >= DnsLookupTable::max_labels)
        known.assign(1, hash);
    else
        known.insert(place, hash);
    return true;
}

} // namespace

void DnsLookupTable::note(const DnsMessage &message)
{
    const auto place = place_of(message);
    if (!place)
        return;
    const std::string_view below = std::string_view(message.name).substr(0, message.name.size() - place->domain.size());
    const std::vector<std::string> labels = dns_labels(below);
    if (labels.empty())
        return;
    DnsLookups *lookups = lookups_.at({message.client, place->hash});
    if (!lookups)
        return;
    if (lookups->first == 0) {
        lookups->client = message.client;
        lookups->server = message.server;
        lookups->domain = place->domain.empty() ? registered_domain(message.name) : place->domain;
        lookups->first = lookups->halved = message.time;
    } else if (place->domain.empty() && lookups->domain != registered_domain(message.name)) {
        lookups->domain.clear();
    }
    lookups->last = message.time;
    if (!message.response)
        lookups->queries++;
    else
        (message.rcode == ns_r_noerror ? lookups->answered : lookups->denied)++;
    lookups->listed += message.response && is_verdict(message);
    note_name(*lookups, message, labels);
}

void DnsLookupTable::note_name(DnsLookups &lookups, const DnsMessage &message,
                               const std::vector<std::string> &labels) const
{
    double fresh = 0;
    for (const std::string &label : labels)
        if (!is_attribute(label) && note_label(lookups.labels, label))
            fresh += static_cast<double>(label.size());
    if (fresh == 0)
        return;
    lookups.names++;
    lookups.bytes += fresh;
    lookups.data_names += holds_data(message.type);
    lookups.obsolete_names += is_obsolete(message.type);
    lookups.long_names += fresh >= long_name_;
    if (fresh > lookups.most) {
        lookups.most = fresh;
        lookups.example = message.name;
    }
}

void DnsLookupTable::age(TimeNs now)
{
    constexpr TimeNs hour = 3600 * second;
    if (now - aged_ < 10 * second)
        return;
    aged_ = now;
    const bool tight = lookups_.size() > max_pairs * 3 / 4;
    lookups_.erase_if([&](const Key &, DnsLookups &lookups) {
        const TimeNs idle = now - lookups.last;
        return idle > hour || (tight && idle > 10 * second && lookups.names < 8);
    });
    for (auto it = lookups_.begin(); it != lookups_.end(); ++it) {
        DnsLookups &lookups = it.value();
        if (now - lookups.halved < hour)
            continue;
        lookups.halved = now;
        for (double *count : {&lookups.queries, &lookups.answered, &lookups.denied, &lookups.listed, &lookups.names,
                              &lookups.bytes, &lookups.data_names, &lookups.obsolete_names, &lookups.long_names})
            *count /= 2;
    }
}

} // namespace flowguard
