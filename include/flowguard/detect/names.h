// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/dns.h"
#include "flowguard/detect/hash.h"

#include <string>

namespace flowguard {

/// The names under which addresses were looked up, as seen in DNS answers. When there are too many, the oldest half goes.
/// An answer that its client did not ask for is not believed, so that no stranger names addresses. Where a client's
/// questions are never seen, as in a capture of one direction, its answers are believed.
class Names {
  public:
    /// False: an answer that is not believed.
    bool note(const DnsMessage &message);
    /// Empty if it is not known.
    std::string name_of(const IpAddress &address) const;
    /// Has any address a name? If not, DNS is not seen here, and that an address has no name says nothing.
    bool empty() const { return young_.size() == 0 && old_.size() == 0; }

    static constexpr std::size_t max_names = 65'536;

  private:
    struct Question {
        IpAddress client;
        std::uint64_t name = 0; ///< hash

        bool operator==(const Question &) const = default;
    };
    using Map = BoundedMap<IpAddress, std::string, BytesHash>;
    using Questions = BoundedMap<Question, char, BytesHash>;
    void note_question(const DnsMessage &message);
    bool was_asked(const DnsMessage &message) const;

    static constexpr std::size_t max_questions = 16'384;
    static constexpr std::size_t max_clients = 8192;
    Map young_{max_names / 2};
    Map old_{max_names / 2};
    Questions asked_{max_questions / 2};
    Questions asked_earlier_{max_questions / 2};
    BoundedMap<IpAddress, char, BytesHash> clients_{max_clients}; ///< whose questions are seen
};

} // namespace flowguard
