// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/capture/reader.h"
#include "flowguard/detect/hash.h"
#include "flowguard/detect/locality.h"

#include <tsl/robin_map.h>

#include <optional>
#include <string>

namespace flowguard {

/*
 * Which addresses of a capture are ours, guessed from its beginning: private ranges, where such addresses take part.
 * Otherwise the busiest host that stands where the capture was made: its packets have passed no router yet.
 */
class HomeGuess {
  public:
    void add(const fg_packet &packet);
    /// The host to take as ours beside private ranges; none: those alone.
    std::optional<IpAddress> host() const;

    static constexpr std::uint64_t most_packets = 100'000;

  private:
    struct Host {
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
        std::uint64_t near = 0; ///< of those sent: with a TTL that hosts begin with
    };
    tsl::robin_map<IpAddress, Host, BytesHash> hosts_; ///< public ones
    std::uint64_t packets_ = 0;
    std::uint64_t with_private_ = 0;
};

/// The guess for a regular file; none for what cannot be read twice, or not at all.
std::optional<IpAddress> guess_home(const std::filesystem::path &path, bool tunnels);

} // namespace flowguard
