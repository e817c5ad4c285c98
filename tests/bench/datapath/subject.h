// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/kernel/maps.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace flowguard::bench {

/* Where traffic comes from, in host order: hosts one by one, and prefixes of 24 bits, that a blocklist holds. */
constexpr std::uint32_t blocked_hosts = 0x0a000000;    /* 10.0.0.0 */
constexpr std::uint32_t blocked_prefixes = 0x0b000000; /* 11.0.0.0 */

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
    /// Kernel memory of its maps; 0: unknown.
    virtual std::uint64_t kernel_bytes() const { return 0; }
};

/// Named, and loaded only when its turn comes.
struct Contender {
    std::string name;
    std::function<Result<std::unique_ptr<Subject>>()> load;
};

} // namespace flowguard::bench
