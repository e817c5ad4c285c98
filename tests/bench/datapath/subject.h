// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/kernel/maps.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace flowguard::bench {

/// What a program says it has counted.
struct Counted {
    std::uint64_t packets = 0; ///< with those that found no room
    std::uint64_t flows = 0;
    std::uint64_t dropped = 0; ///< packets
};

/// What can be checked about a program's counts.
struct Abilities {
    std::uint64_t capacity = 0; ///< flows it can keep; 0: it does not count flows
    bool evicts = false;        ///< makes room by forgetting flows and their packets
    bool frags = false;         ///< takes packets in fragments
};

/// An XDP program under test, loaded, with maps of its own.
class Subject {
  public:
    Subject() = default;
    Subject(const Subject &) = delete;
    Subject &operator=(const Subject &) = delete;
    virtual ~Subject() = default;

    virtual int program() const = 0;
    virtual Abilities abilities() const = 0;
    /// What was counted since the last call; flows are forgotten.
    virtual Result<Counted> drain() = 0;
    /// Kernel memory for each flow that it has room for; 0: unknown.
    virtual double bytes_per_flow() const { return 0; }
};

/// Named, and loaded only when its turn comes.
struct Contender {
    std::string name;
    std::function<Result<std::unique_ptr<Subject>>()> load;
};

} // namespace flowguard::bench
