// SPDX-License-Identifier: Apache-2.0
/* Who else asks as evenly: what makes a series of requests the work of a monitoring or of a product. */
#pragma once

#include "beacon_track.h"
#include "few.h"

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/hash.h"

namespace flowguard {

class BeaconCompany {
  public:
    /// A series that has been even so far, with `period` in seconds.
    void note(const BeaconKey &key, double period, TimeNs now);
    /// The client asks many servers at about this period, as a monitoring does; an implant has one master, or two.
    bool polls(const BeaconKey &key, double period) const;
    /// Many hosts ask this service evenly: an agent, a device or a program of which there are several.
    bool serves(const BeaconKey &key) const;
    void forget(TimeNs now);

    static constexpr std::size_t many = 3;
    static constexpr std::size_t max_entries = 8192; ///< of each map

  private:
    static constexpr TimeNs memory = 3 * 3600 * TimeNs{1'000'000'000};
    using FewHosts = Few<IpAddress, many, memory>;

    struct Poll {
        IpAddress client;
        std::uint16_t octave = 0; ///< of the period
        std::uint16_t proto = 0;
        auto operator<=>(const Poll &) const = default;
    };
    struct Asked {
        IpAddress server;
        std::uint16_t port = 0;
        std::uint16_t proto = 0;
        auto operator<=>(const Asked &) const = default;
    };

    static std::uint16_t octave(double period);

    BoundedMap<Poll, FewHosts, BytesHash> polls_{max_entries};
    BoundedMap<Asked, FewHosts, BytesHash> asked_{max_entries};
};

} // namespace flowguard
