// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/gate.h"
#include "flowguard/core/ip_prefix.h"
#include "flowguard/kernel/maps.h"

#include <vector>

namespace flowguard {

/// The kernel's gate in front of the blocklist, see abi/gate.h. Writers hold the instance's policy lock; programs read
/// it meanwhile and never miss an entry whose bits were opened before it was added.
class Gate {
  public:
    static Result<Gate> open(const Maps &maps);

    void allow(const IpPrefix &prefix);
    /// Exactly what `prefixes` need.
    void rebuild(const std::vector<IpPrefix> &prefixes);

  private:
    Gate(Mapping mapping, const HashKeys &keys) : mapping_(std::move(mapping)), keys_(keys) {}

    Mapping mapping_; ///< only while the list is changed: it counts as resident memory
    HashKeys keys_;
};

/// True if the kernel has to look for `prefix` by the short hash, see abi/gate.h.
bool is_short_prefix(const IpPrefix &prefix);

} // namespace flowguard
