// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/admission.h"
#include "flowguard/core/hash_keys.h"

#include <cstdint>
#include <span>
#include <vector>

namespace flowguard {

/// The filter of known flows as user space builds it; see abi/admission.h.
class KnownFlows {
  public:
    /// `capacity`: records of one kernel table. `hash_keys`: of the instance, see abi/hash.h.
    KnownFlows(std::uint32_t capacity, const HashKeys &hash_keys);

    void clear();
    /// `key`: of one direction, as the kernel has it.
    void add(const fg_flow_key &key);
    bool contains(const fg_flow_key &key) const;
    std::span<const fg_known_line> lines() const { return lines_; }

  private:
    HashKeys hash_keys_;
    std::vector<fg_known_line> lines_;
};

} // namespace flowguard
