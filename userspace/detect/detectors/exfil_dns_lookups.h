// SPDX-License-Identifier: Apache-2.0
/* What each client looked up in each domain, measured by what the names could carry. */
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/dns.h"
#include "flowguard/detect/hash.h"

#include <string>
#include <vector>

namespace flowguard {

/// Of one client in one domain. A name is new when a label of it was not seen before; its new labels are what it carries.
struct DnsLookups {
    IpAddress client;
    IpAddress server;    ///< that was asked first
    std::string domain;  ///< registered; empty: several that no public suffix has
    std::string example; ///< the new name that carried most
    TimeNs first = 0;
    TimeNs last = 0;
    TimeNs halved = 0; ///< when the counts were halved last

    double queries = 0;
    double answered = 0;               ///< responses with records, or without an error
    double denied = 0;                 ///< responses with an error: there is no such name, refused, failed
    double listed = 0;                 ///< of `answered`: verdicts, in the form that lists give them
    double names = 0;                  ///< new
    double bytes = 0;                  ///< of their new labels
    double data_names = 0;             ///< of types whose answers hold what a server likes
    double obsolete_names = 0;         ///< of types that nothing but tunnels uses
    double long_names = 0;             ///< with many new bytes in one name
    double most = 0;                   ///< new bytes in one name
    std::vector<std::uint32_t> labels; ///< hashes of those seen, sorted

    double mean() const { return names > 0 ? bytes / names : 0; }
    /// A list is asked, as of senders of mail or of files: the names carry a hash or an address by design.
    bool is_list() const { return listed > 0 && listed >= 0.9 * answered; }
    bool is_denied() const { return denied > 0 && denied >= 9 * answered; }
};

/// Bounded: of 8192 clients and domains, 256 labels each.
class DnsLookupTable {
  public:
    /// Names with at least `long_name` new bytes count as long.
    explicit DnsLookupTable(double long_name) : long_name_(long_name) {}
    void note(const DnsMessage &message);
    /// Halves what is older than an hour and forgets what was not used for as long, or earlier when there is no room.
    void age(TimeNs now);

    struct Key {
        IpAddress client;
        std::uint64_t domain = 0; ///< its hash
        auto operator<=>(const Key &) const = default;
    };
    using Map = BoundedMap<Key, DnsLookups, BytesHash>;
    const Map &all() const { return lookups_; }

    static constexpr std::size_t max_pairs = 8192;
    static constexpr std::size_t max_labels = 256;

  private:
    void note_name(DnsLookups &lookups, const DnsMessage &message, const std::vector<std::string> &labels) const;

    double long_name_;
    Map lookups_{max_pairs};
    TimeNs aged_ = 0;
};

} // namespace flowguard
