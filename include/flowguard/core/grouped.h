// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace flowguard {

/// Whole numbers as people read them: 1,234,567.
std::string grouped(std::uint64_t number);

} // namespace flowguard
