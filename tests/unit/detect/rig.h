// SPDX-License-Identifier: Apache-2.0
/* Detectors under test: traffic is told flow by flow and tick by tick, and what became of it is asked for. */
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/core/flow_table.h"
#include "flowguard/detect/detection.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace flowguard::test {

/// What one side of a flow sends in a tick.
struct Packets {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0; ///< of all of them
    std::uint32_t syn = 0;
    std::uint32_t syn_ack = 0;
    std::uint32_t fin = 0;
    std::uint32_t rst = 0;
    std::uint8_t flags = 0;       ///< beside what follows from the counts
    std::uint32_t min_length = 0; ///< 0: the mean
    std::uint32_t max_length = 0;
    std::uint8_t key_flags = 0; ///< fg_key_flags
    bool bare = false;          ///< of TCP: `flags` are all that there are
};

struct Endpoint {
    std::string address;
    std::uint16_t port = 0; ///< ICMP: type of the sender
};

class Rig {
  public:
    explicit Rig(const DetectionConfig &config = {}, Locality locality = {})
        : flows_({.max_ended = 0}, 1),
          detection_(config, std::move(locality))
    {
        flows_.begin_tick(1);
    }

    /// `from` sends to `to`, `at` seconds after the tick's begin.
    void send(std::uint8_t proto, const Endpoint &from, const Endpoint &to, const Packets &sent, double at = 0)
    {
        fg_flow_record record{};
        const fg_address source = IpAddress::parse(from.address)->to_abi();
        const fg_address target = IpAddress::parse(to.address)->to_abi();
        std::copy_n(source.bytes, 16, record.key.src);
        std::copy_n(target.bytes, 16, record.key.dst);
        record.key.sport = from.port;
        record.key.dport = to.port;
        record.key.proto = proto;
        record.key.flags = sent.key_flags;
        record.key.kind = IpAddress(record.key.src).is_v4() ? FG_KIND_IPV4 : FG_KIND_IPV6;
        record.packets = sent.packets;
        record.bytes = sent.bytes;
        record.tcp = {.syn = sent.syn, .syn_ack = sent.syn_ack, .fin = sent.fin, .rst = sent.rst};
        const auto mean = static_cast<std::uint32_t>(sent.packets ? sent.bytes / sent.packets : 0);
        record.min_length = sent.min_length ? sent.min_length : mean;
        record.max_length = sent.max_length ? sent.max_length : mean;
        record.tcp_flags = flags_of(proto, sent);
        record.ttl = 64;
        const TimeNs time = now_ + static_cast<TimeNs>(at * 1e9);
        flows_.add(record, FG_RX, time, time);
    }

    void dns(DnsSample sample)
    {
        sample.time = now_;
        dns_.push_back(std::move(sample));
    }

    /// Ends the tick.
    void tick(double seconds = 1)
    {
        const TimeNs end = now_ + static_cast<TimeNs>(seconds * 1e9);
        flows_.end_tick(end);
        detection_.tick({.begin = now_, .end = end, .flows = flows_, .overflow = overflow_, .dns = dns_});
        for (Incident &incident : detection_.incidents().take_changes())
            changes_.push_back(std::move(incident));
        dns_.clear();
        overflow_.clear();
        flows_.begin_tick(seconds);
        now_ = end;
    }

    /// The latest state of each incident that was not merged into another one, of one detector or of all.
    std::vector<Incident> incidents(std::string_view detector = {}) const
    {
        std::vector<Incident> latest;
        std::vector<Incident> all = changes_;
        for (const Incident *incident : detection_.incidents().open())
            all.push_back(*incident); /* a little growth is no change worth telling */
        for (const Incident &change : all) {
            std::erase_if(latest, [&](const Incident &each) { return each.id == change.id; });
            if (change.merged_into.empty() && (detector.empty() || change.finding.detector == detector))
                latest.push_back(change);
        }
        return latest;
    }

    TimeNs now() const { return now_; }
    Detection &detection() { return detection_; }
    std::vector<OverflowAggregate> &overflow() { return overflow_; } ///< of the tick that is being told

  private:
    static std::uint8_t flags_of(std::uint8_t proto, const Packets &sent)
    {
        if (proto != FG_PROTO_TCP)
            return 0;
        if (sent.bare)
            return sent.flags;
        unsigned flags = sent.flags;
        const auto set_if = [&flags](bool condition, unsigned flag) { flags |= condition ? flag : 0U; };
        set_if(sent.syn || sent.syn_ack, FG_TCP_SYN);
        set_if(sent.syn_ack || sent.packets > sent.syn + sent.rst, FG_TCP_ACK);
        set_if(sent.fin, FG_TCP_FIN);
        set_if(sent.rst, FG_TCP_RST);
        return static_cast<std::uint8_t>(flags);
    }

    FlowTable flows_;
    Detection detection_;
    std::vector<DnsSample> dns_;
    std::vector<OverflowAggregate> overflow_;
    std::vector<Incident> changes_;
    TimeNs now_ = 1'700'000'000'000'000'000; ///< 2023-11-14T22:13:20Z
};

} // namespace flowguard::test
