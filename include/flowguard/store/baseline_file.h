// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/detect/baselines_codec.h"

#include <filesystem>

namespace flowguard {

/// A file that `baseline export` wrote.
Result<Baselines> read_baselines(const std::filesystem::path &path);
/// In place of what is there, at once or not at all.
Result<void> write_baselines(const std::filesystem::path &path, const Baselines &baselines);

} // namespace flowguard
