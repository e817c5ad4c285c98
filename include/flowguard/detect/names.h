// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/dns.h"
#include "flowguard/detect/hash.h"

#include <string>

namespace flowguard {

/// The names under which addresses were looked up, as seen in DNS answers. When there are too many, the oldest half goes.
class Names {
  public:
    void note(const DnsMessage &message);
    /// Empty if it is not known.
    std::string name_of(const IpAddress &address) const;
    /// Has any address a name? If not, DNS is not seen here, and that an address has no name says nothing.
    bool empty() const { return young_.size() == 0 && old_.size() == 0; }

    static constexpr std::size_t max_names = 65'536;

  private:
    using Map = BoundedMap<IpAddress, std::string, BytesHash>;

    Map young_{max_names / 2};
    Map old_{max_names / 2};
};

} // namespace flowguard
