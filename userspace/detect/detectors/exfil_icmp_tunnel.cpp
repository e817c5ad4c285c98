// SPDX-License-Identifier: Apache-2.0
/*
 * Data in echo requests and replies. A ping sends one length again and again, and a reply has the length of its request.
 * What carries data has the lengths of the data: they vary without order, and replies are longer than what they answer.
 */
#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"
#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;

bool is_echo(const FlowKey &key)
{
    constexpr std::uint16_t reply = 0;
    constexpr std::uint16_t request = 8;
    constexpr std::uint16_t request6 = 128;
    constexpr std::uint16_t reply6 = 129;
    const auto type = key.client_port;
    return key.kind == FG_KIND_IPV6 ? type == request6 || type == reply6 : type == request || type == reply;
}

/// Ethernet pads short packets to 60 bytes, where they are received but not where they are sent, and a tag makes it 64.
std::uint32_t padded(std::uint32_t length) { return std::max<std::uint32_t>(length, 64); }

/// The lengths that one side of an exchange used, as far as each tick's shortest and longest tell them.
struct Side {
    static constexpr std::size_t most_lengths = 48;
    std::array<std::uint16_t, most_lengths> lengths{};
    std::uint8_t count = 0;
    std::uint32_t least = 0; ///< in the latest tick with packets
    std::uint32_t most = 0;
    bool falling = false;        ///< did the lengths shrink when they changed last?
    std::uint32_t unordered = 0; ///< ticks whose lengths go back into the range that was left, or turn round

    void note(const Sent &sent)
    {
        if (sent.max_length == 0)
            return;
        const std::uint32_t low = padded(sent.min_length);
        const std::uint32_t high = padded(sent.max_length);
        add(low);
        add(high);
        if (least != 0 && (low != least || high != most)) {
            const bool overlaps = low < most && least < high;
            const bool fell = high < most;
            unordered += overlaps || fell != falling;
            falling = fell;
        } else if (low != high && least != 0) {
            unordered++;
        }
        least = low;
        most = high;
    }

  private:
    void add(std::uint32_t length)
    {
        const auto value = static_cast<std::uint16_t>(std::min<std::uint32_t>(length, 65'535));
        const auto end = lengths.begin() + count;
        if (count < most_lengths && std::find(lengths.begin(), end, value) == end)
            lengths[count++] = value;
    }
};

/// Echo packets between two hosts.
struct Echo {
    Side requests;
    Side replies;
    std::uint32_t recent_request = 0; ///< the longest of the tick before
    std::uint32_t longer = 0;         ///< ticks with replies longer than the requests of this tick and the one before
    Volume to_server;
    Volume to_client;
    TimeNs first = 0;
    TimeNs last = 0;

    bool answers_in_kind() const
    {
        return longer == 0 && to_client.packets * 10 >= to_server.packets * 9 && requests.count == replies.count;
    }
};

struct EchoKey {
    IpAddress client;
    IpAddress server;
    auto operator<=>(const EchoKey &) const = default;
};

/// Why an exchange is taken for a tunnel.
struct Verdict {
    double observed = 0;
    double threshold = 0;
    std::string reason;
};

class IcmpTunnel : public Detector {
  public:
    explicit IcmpTunnel(const Parameters &parameters)
        : min_packets_(parameters["min_packets"]),
          min_lengths_(parameters["min_lengths"]),
          min_unordered_(parameters["min_unordered"]),
          min_longer_(parameters["min_longer_replies"]),
          max_rate_(parameters["max_rate"])
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        std::vector<std::pair<EchoKey, const Flow *>> active;
        for (const FlowDelta &delta : tick.flows)
            if (is_icmp(delta.flow->key.proto) && is_echo(delta.flow->key))
                note(tick, delta, active);
        std::ranges::sort(active, [](const auto &a, const auto &b) {
            return std::tuple(a.first, a.second->id) < std::tuple(b.first, b.second->id);
        });
        for (const auto &[key, flow] : active)
            judge(key, *flow, findings);
        age(tick);
    }

  private:
    static Subject subject_of(const EchoKey &key, std::uint8_t proto)
    {
        return {.source = key.client, .target = key.server, .proto = proto, .port = {}};
    }

    void note(const Tick &tick, const FlowDelta &delta, std::vector<std::pair<EchoKey, const Flow *>> &active)
    {
        const FlowKey &flow = delta.flow->key;
        const bool flood = delta.to_client.packets == 0 &&
                           static_cast<double>(delta.to_server.packets) > max_rate_ * tick.seconds();
        if (flood || (flow.flags & FG_KEY_FRAGMENT))
            return;
        const EchoKey key{flow.client, flow.server};
        Echo *echo = echoes_.at(key);
        if (!echo)
            return;
        if (echo->first == 0)
            echo->first = std::min(delta.flow->start, tick.end);
        echo->last = tick.end;
        echo->to_server += delta.to_server;
        echo->to_client += delta.to_client;
        echo->requests.note(delta.client_sent);
        echo->replies.note(delta.server_sent);
        constexpr std::uint32_t tags = 8; ///< two VLAN tags that one direction has and the other has not
        const std::uint32_t request = std::max(padded(delta.client_sent.max_length), echo->recent_request);
        if (echo->recent_request != 0)
            echo->longer += delta.server_sent.max_length > request + tags;
        echo->recent_request = delta.client_sent.max_length == 0 ? echo->recent_request
                                                                 : padded(delta.client_sent.max_length);
        if (static_cast<double>(echo->to_server.packets) >= min_packets_)
            active.emplace_back(key, delta.flow);
    }

    std::optional<Verdict> judge(const Echo &echo) const
    {
        constexpr double few = 4; ///< lengths: two programs that ping, one of them tried twice
        const double lengths = std::max(echo.requests.count, echo.replies.count);
        if (echo.longer >= min_longer_ && lengths > few)
            return Verdict{
                lengths, few,
                fmt::format("replies were longer than any request in {} ticks, which no echo is", echo.longer)};
        /* Replies in kind may be a search for the path's MTU, which also tries lengths up and down, but not as many. */
        const double ease = echo.answers_in_kind() ? 2 : 1;
        const double unordered = std::max(echo.requests.unordered, echo.replies.unordered);
        if (lengths >= min_lengths_ * ease && unordered >= min_unordered_ * ease)
            return Verdict{lengths, min_lengths_ * ease,
                           fmt::format("their lengths went up and down without order in {:.0f} ticks", unordered)};
        return {};
    }

    void judge(const EchoKey &key, const Flow &flow, std::vector<Finding> &findings)
    {
        const Echo &echo = *echoes_.find(key);
        const auto verdict = judge(echo);
        const Subject subject = subject_of(key, flow.key.proto);
        if (!verdict || (!findings.empty() && findings.back().detector == exfil_icmp_tunnel.id &&
                         findings.back().subject == subject))
            return;
        constexpr double much = 1e6; ///< bytes
        const double bytes = static_cast<double>((echo.to_server + echo.to_client).bytes);
        const std::string client = key.client.to_string();
        const std::string server = key.server.to_string();
        findings.push_back(
            {.detector = exfil_icmp_tunnel.id,
             .severity = bytes >= much ? Severity::High : Severity::Medium,
             .subject = subject,
             .since = echo.first,
             .observed = verdict->observed,
             .expected = verdict->threshold,
             .unit = "lengths",
             .metric = "different lengths of echo packets",
             .source_count = 1,
             .sources = {key.client},
             .targets = {key.server},
             .explanation = fmt::format(
                 "{} and {} exchanged {} echo requests with {} bytes and {} replies with {} bytes in {:.0f} s. They "
                 "had at "
                 "least {:.0f} different lengths, {:.1f} times the {:.0f} from which on this counts, and {}. A ping "
                 "has one "
                 "length, and its replies have the same. Data goes inside ICMP. Find the program on {} that sends it.",
                 client, server, echo.to_server.packets, echo.to_server.bytes, echo.to_client.packets,
                 echo.to_client.bytes, static_cast<double>(echo.last - echo.first) / 1e9, verdict->observed,
                 verdict->observed / verdict->threshold, verdict->threshold, verdict->reason, client),
             .suggestion = fmt::format("flowguard block {} --both --proto {} --for 1h --reason \"ICMP tunnel\"", server,
                                       key.server.is_v4() ? "icmp" : "ipv6-icmp"),
             .evidence = {Evidence::of(flow)}});
    }

    /// What is not open begins anew each hour, so that days of pings do not add up to a tunnel.
    void age(const Tick &tick)
    {
        constexpr TimeNs idle = 600 * second;
        constexpr TimeNs memory = 3600 * second;
        if (tick.end - aged_ < 10 * second)
            return;
        aged_ = tick.end;
        const bool tight = echoes_.size() > max_pairs * 3 / 4;
        echoes_.erase_if([&](const EchoKey &key, const Echo &echo) {
            const TimeNs quiet = tick.end - echo.last;
            if (quiet > idle || (tight && quiet > 10 * second && echo.to_server.packets < 20))
                return true;
            const auto proto = key.client.is_v4() ? FG_PROTO_ICMP : FG_PROTO_ICMPV6;
            return tick.end - echo.first > memory &&
                   !tick.incidents.is_open(exfil_icmp_tunnel.id, subject_of(key, proto));
        });
    }

    static constexpr std::size_t max_pairs = 4096;

    double min_packets_;
    double min_lengths_;
    double min_unordered_;
    double min_longer_;
    double max_rate_;
    BoundedMap<EchoKey, Echo, BytesHash> echoes_{max_pairs};
    TimeNs aged_ = 0;
};

constexpr std::array<std::string_view, 2> attack{"T1095", "T1048.003"};
constexpr std::array<std::string_view, 5> explained{"exfil.volume", "exfil.slow", "c2.beacon", "mix.protocol",
                                                    "novelty.destination"};
constexpr std::array parameters{
    Parameter{"min_packets", 40, 1, 1e9, "packets", "echo requests between two hosts: fewer are no tunnel"},
    Parameter{"min_lengths", 16, 2, 48, "lengths",
              "that are different, from which on disorder counts; twice, if answered in kind"},
    Parameter{"min_unordered", 10, 1, 3600, "ticks", "in which lengths go up and down; twice, if answered in kind"},
    Parameter{"min_longer_replies", 3, 1, 3600, "ticks", "with replies longer than any request"},
    Parameter{"max_rate", 1000, 1, 1e9, "packets/s", "without replies, from which on it is a flood and no tunnel"},
};

} // namespace

constinit const DetectorInfo exfil_icmp_tunnel{
    .id = "exfil.icmp_tunnel",
    .title = "ICMP tunnel",
    .category = "Exfiltration",
    .attack = attack,
    .hold = std::chrono::seconds(120),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<IcmpTunnel>(given); },
};

} // namespace flowguard
