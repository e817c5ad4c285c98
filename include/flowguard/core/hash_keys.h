// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/hash.h"

#include <array>

namespace flowguard {

/// The random keys of one instance's hashes, see abi/hash.h.
using HashKeys = std::array<__u64, FG_HASH_WORDS>;

} // namespace flowguard
