// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/ip_address.h"

#include <xxhash.h>

#include <cstdint>
#include <type_traits>

namespace flowguard {

/// For BoundedMap. `Key` must have no padding: its bytes are hashed.
struct BytesHash {
    template <class Key> std::size_t operator()(const Key &key) const
    {
        static_assert(std::has_unique_object_representations_v<Key>);
        return XXH3_64bits(&key, sizeof key);
    }
};

} // namespace flowguard
