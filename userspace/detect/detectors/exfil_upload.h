// SPDX-License-Identifier: Apache-2.0
/* What exfil.volume and exfil.slow share: whose upload a flow is, and whether its peer is new. */
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/hash.h"
#include "flowguard/detect/tick.h"

namespace flowguard {

/// A host of ours and whom it sends to.
struct UploadKey {
    IpAddress host;
    IpAddress peer;
    auto operator<=>(const UploadKey &) const = default;
};

/// Producer-consumer ratio: 1 for who only sends, -1 for who only receives.
double producer_ratio(std::uint64_t out, std::uint64_t in);

/// Did the client really begin it? Of a flow that was under way at `since`, when watching began, the server may have been
/// seen first.
bool is_begun_by_client(const Flow &flow, TimeNs since);

/// Peers that hosts of ours met for the first time while the baselines knew enough to say so, for a day.
class NewPeers {
  public:
    void note(const Tick &tick, const FlowDelta &delta);
    void age(TimeNs now);
    /// None: the peer is known, or nothing can be said. Ready: it is new.
    Maturity novelty(const IpAddress &peer) const;

    static constexpr std::size_t max_peers = 16'384;

  private:
    struct Meeting {
        TimeNs first = 0;
        Maturity maturity = Maturity::None;
    };
    BoundedMap<IpAddress, Meeting, BytesHash> peers_{max_peers};
};

/// Who looks names up where that can be seen, so that an address without a name says something.
class NameUsers {
  public:
    void note(const Tick &tick);
    /// Does `host` look names up, and came to `peer` without doing so?
    bool went_nameless(const Tick &tick, const IpAddress &host, const IpAddress &peer) const;

    static constexpr std::size_t max_hosts = 8192;

  private:
    BoundedMap<IpAddress, TimeNs, BytesHash> since_{max_hosts};
};

} // namespace flowguard
