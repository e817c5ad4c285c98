// SPDX-License-Identifier: Apache-2.0
/* What many sources include: only the sanitizer build precompiles it, and each source includes what it uses itself. */
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <vector>
