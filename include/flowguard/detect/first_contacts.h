// SPDX-License-Identifier: Apache-2.0
/*
 * What became of the first contacts of each source. Scanners and worms try what they do not know, so most of their first
 * contacts fail; users and programs go where a name or a configuration sends them, so most of theirs succeed.
 */
#pragma once

#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/finding.h"
#include "flowguard/detect/hash.h"

#include <memory>

namespace flowguard {

enum class Outcome : std::uint8_t { Silent, Refused, Answered };
/// Syn: a SYN. Stealth: TCP without SYN and ACK (NULL, FIN, XMAS), which no stack sends. Ack: a bare ACK or FIN with ACK.
enum class Technique : std::uint8_t { Syn, Stealth, Ack, Udp, Echo };
constexpr std::size_t techniques = 5;

/// A client's try to reach a service, as far as it is known.
struct Attempt {
    Technique technique{};
    Outcome outcome{};
    std::uint16_t length = 0; ///< of the longest packet to the server
    bool fresh = false;       ///< it began in this tick; else its outcome changed
};

/// None if the flow is no attempt, or if nothing is new.
std::optional<Attempt> attempt_of(const FlowDelta &delta);

/// One source in one direction of fan-out: at one port of many targets, or at many ports of one target.
struct FanKey {
    IpAddress source;
    IpAddress target;        ///< unspecified: many
    std::uint16_t port = 0;  ///< 0: many, or the protocol has none
    std::uint16_t proto = 0; ///< IANA number; 16 bits, so that there is no padding

    auto operator<=>(const FanKey &) const = default;
};

/// How first contacts went, over the stretch of time that looks worst.
struct Pattern {
    std::uint32_t failed = 0;
    std::uint32_t answered = 0;
    std::uint32_t refused = 0; ///< of those that failed
    std::uint32_t low = 0;     ///< of those that failed: marks below 1024
    std::uint32_t even = 0;    ///< of those that failed: about as long as the one in the middle
    std::uint32_t first = 0;   ///< seconds since 1970
    std::uint32_t last = 0;
    std::array<std::uint32_t, techniques> by_technique{}; ///< of those that failed

    std::uint32_t walk() const { return failed - answered; }
    std::uint32_t span() const { return last - first; }
    double share() const { return failed == 0 ? 0 : double(failed) / double(failed + answered); }
};

/// The latest distinct first contacts of one fan-out.
class Fan {
  public:
    struct Contact {
        std::uint32_t mark = 0; ///< the port, or a hash of the target
        std::uint32_t second = 0;
        std::uint16_t length = 0;
        Outcome outcome{};
        Technique technique{};
    };

    /// True if it is a new contact that is remembered.
    bool note(const Contact &contact, bool fresh, std::size_t most);
    void add_sample(const Evidence &evidence);
    /// By the reverse sequential test: from the newest contact back, what stretch has the most failures over successes?
    /// Contacts of the last `patience` seconds are not silent yet, unless there are many and none of late were answered.
    Pattern worst(std::uint32_t now, std::uint32_t memory) const;

    const std::vector<Contact> &contacts() const { return contacts_; }
    std::uint32_t last_failure() const { return last_failure_; } ///< or what may become one
    std::uint32_t unanswered() const { return unanswered_; }     ///< of contacts()
    std::uint64_t distinct() const;                              ///< about, since the fan-out began
    const std::vector<Evidence> &samples() const { return samples_; }

    bool watched = false; ///< for who keeps lists of fans

    static constexpr std::uint32_t patience = 2; ///< longer than the round trip to anybody

  private:
    void count_recent(const Contact &contact, bool fresh);
    bool merge(Contact &known, const Contact &contact);
    void forget_oldest();
    bool seen_before(std::uint32_t mark);
    void remember(std::uint32_t mark);
    double estimate() const;

    static constexpr std::size_t seen_bits = 16'384;
    using Seen = std::array<std::uint64_t, seen_bits / 64>;

    std::vector<Contact> contacts_; ///< oldest first
    std::unique_ptr<Seen> seen_;    ///< a filter of all marks, once some were forgotten
    std::uint32_t seen_set_ = 0;
    std::uint32_t unanswered_ = 0;
    std::uint32_t last_failure_ = 0;
    std::uint64_t forgotten_ = 0; ///< distinct marks of filters that were full
    std::uint32_t tried_ = 0;     ///< within the last seconds, halved from time to time
    std::uint32_t reached_ = 0;   ///< of these
    std::uint32_t halved_ = 0;    ///< when
    std::vector<Evidence> samples_;
};

/// The fans of all sources. A source with a single contact costs a slot that it shares with others, so that a flood of
/// spoofed ones takes no room from those with a history.
class FirstContacts {
  public:
    FirstContacts();

    /// The fan that has become larger or different; none otherwise. Valid until the next call.
    Fan *note(const FanKey &key, std::uint32_t mark, const Attempt &attempt, std::uint32_t second);
    Fan *find(const FanKey &key) { return fans_.find(key); }
    /// Once a tick: makes room when it is scarce.
    void sweep(std::uint32_t now);
    std::size_t size() const { return fans_.size(); }

    static constexpr std::size_t max_fans = 65'536;
    static constexpr std::size_t max_contacts = 1'000'000; ///< of all fans; beyond it each remembers fewer

  private:
    struct Slot {
        std::uint32_t tag = 0;
        Fan::Contact contact;
    };

    BoundedMap<FanKey, Fan, BytesHash> fans_{max_fans};
    std::vector<Slot> slots_; ///< first contacts of fans that have but one
    std::size_t contacts_ = 0;
    std::uint32_t swept_ = 0;
};

} // namespace flowguard
