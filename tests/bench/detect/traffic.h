// SPDX-License-Identifier: Apache-2.0
/* Made-up traffic of one tick, as records of the kernel. */
#pragma once

#include "flowguard/abi/flow.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace flowguard::bench {

struct Scene {
    std::string_view name;
    std::string_view what;
    /// The records of flow `number` in tick `tick`, both ways.
    void (*add)(std::vector<fg_flow_record> &records, std::uint32_t number, std::uint32_t tick);
};

const std::vector<Scene> &scenes();

} // namespace flowguard::bench
