// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/kernel/fd.h"

#include <filesystem>

namespace flowguard {

/// Makes sure that one process alone changes an instance. Held until destroyed, also by a crash.
class InstanceLock {
  public:
    /// Makes the run directory if need be. Failed, naming the holder's pid, if another process has the lock.
    static Result<InstanceLock> take(const std::filesystem::path &path);

  private:
    explicit InstanceLock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

} // namespace flowguard
