// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <string>

namespace flowguard::bench {

/// What numbers depend on.
struct Machine {
    std::string cpu;
    unsigned cores = 0;
    std::string kernel;
    std::string jit;
    std::string bpf_compiler;
    std::string virtualized; ///< "yes" or "no", as the CPU says
    double load = 0;         ///< of the last minute
    unsigned pinned_to = 0;
};

/// Keeps this thread on one CPU, the last of those that it may use.
Result<unsigned> pin_thread();
Machine describe_machine(unsigned pinned_to);

} // namespace flowguard::bench
