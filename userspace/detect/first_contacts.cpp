// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/first_contacts.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ranges>

namespace flowguard {
namespace {

constexpr std::uint64_t most_probes = 8; ///< to one port: Linux sends seven SYNs before it gives up

/// What a flow did up to some moment.
struct Course {
    Volume to_server;
    Volume to_client;
    std::uint32_t client_syn = 0;
    std::uint32_t client_rst = 0;
    std::uint32_t server_syn_ack = 0;
    std::uint32_t server_rst = 0;
};

Course course_now(const Flow &flow)
{
    return {.to_server = flow.to_server,
            .to_client = flow.to_client,
            .client_syn = flow.client_sent.tcp.syn,
            .client_rst = flow.client_sent.tcp.rst,
            .server_syn_ack = flow.server_sent.tcp.syn_ack,
            .server_rst = flow.server_sent.tcp.rst};
}

Course course_before(const FlowDelta &delta)
{
    Course course = course_now(*delta.flow);
    course.to_server.packets -= delta.to_server.packets;
    course.to_client.packets -= delta.to_client.packets;
    course.client_syn -= delta.client_sent.tcp.syn;
    course.client_rst -= delta.client_sent.tcp.rst;
    course.server_syn_ack -= delta.server_sent.tcp.syn_ack;
    course.server_rst -= delta.server_sent.tcp.rst;
    return course;
}

Outcome outcome_of(const Course &course, Technique technique)
{
    if (course.to_client.packets != 0) {
        const bool refused = course.server_rst != 0 && course.server_syn_ack == 0 &&
                             course.to_client.packets <= course.server_rst;
        return refused ? Outcome::Refused : Outcome::Answered;
    }
    /* A client that goes on was answered: the capture has one direction only. */
    if (technique == Technique::Syn && course.to_server.packets > course.client_syn + course.client_rst)
        return Outcome::Answered;
    return course.to_server.packets > most_probes ? Outcome::Answered : Outcome::Silent;
}

std::optional<Technique> tcp_technique(const Flow &flow)
{
    constexpr std::uint32_t longest_bare = 90; ///< L2 bytes without payload, with options and a VLAN tag
    constexpr unsigned fin_ack = FG_TCP_FIN | FG_TCP_ACK;
    const unsigned flags = flow.tcp_flags_to_server;
    if (flow.client_sent.tcp.syn != 0)
        return Technique::Syn;
    /* What begins with a RST answers something, and what sends data knows whom it talks to. */
    if (flow.client_sent.tcp.rst != 0 || flow.client_sent.tcp.syn_ack != 0 ||
        flow.client_sent.max_length > longest_bare)
        return {};
    if (!(flags & FG_TCP_ACK))
        return Technique::Stealth;
    /* A server that clears up old connections sends such packets, too, from its port to higher ones. */
    const bool towards_service = flow.key.server_port < flow.key.client_port;
    return towards_service && (flags & ~fin_ack) == 0 ? std::optional(Technique::Ack) : std::nullopt;
}

std::optional<Technique> udp_technique(const Flow &flow)
{
    constexpr std::uint32_t longest_probe = 300; ///< L2 bytes; media, floods and QUIC are longer
    constexpr std::uint16_t first_traced = 33'434;
    constexpr std::uint16_t last_traced = 33'534; ///< traceroute counts up from the first
    const FlowKey &key = flow.key;
    /* Equal ports: who asked cannot be told (NTP, NetBIOS, IKE). From a low port to a high one: an answer. */
    const bool answer = key.client_port == key.server_port ||
                        (key.client_port < 1024 && key.server_port > key.client_port);
    const bool traced = key.server_port >= first_traced && key.server_port <= last_traced;
    if (answer || traced || flow.client_sent.max_length > longest_probe)
        return {};
    return Technique::Udp;
}

std::optional<Technique> technique_of(const Flow &flow)
{
    const FlowKey &key = flow.key;
    if (flow.to_server.packets == 0 || key.server.is_multicast() || key.server.is_unspecified() ||
        (key.flags & (FG_KEY_NO_PORTS | FG_KEY_TRUNCATED)))
        return {};
    switch (key.proto) {
    case FG_PROTO_TCP:
        return tcp_technique(flow);
    case FG_PROTO_UDP:
        return udp_technique(flow);
    case FG_PROTO_ICMP:
        return key.client_port == 8 ? std::optional(Technique::Echo) : std::nullopt;
    case FG_PROTO_ICMPV6:
        return key.client_port == 128 ? std::optional(Technique::Echo) : std::nullopt;
    default:
        return {};
    }
}

std::uint32_t tag_of(const FanKey &key) { return static_cast<std::uint32_t>(BytesHash{}(key) >> 32) | 1; }

} // namespace

std::optional<Attempt> attempt_of(const FlowDelta &delta)
{
    const Flow &flow = *delta.flow;
    /* Most flows have been answered long ago, and still are. */
    if (!delta.begun && flow.to_client.packets > delta.to_client.packets + most_probes)
        return {};
    const auto technique = technique_of(flow);
    if (!technique)
        return {};
    const Outcome outcome = outcome_of(course_now(flow), *technique);
    if (!delta.begun && outcome == outcome_of(course_before(delta), *technique))
        return {};
    return Attempt{.technique = *technique,
                   .outcome = outcome,
                   .length = static_cast<std::uint16_t>(std::min(flow.client_sent.max_length, 65'535U)),
                   .fresh = delta.begun};
}

bool Fan::merge(Contact &known, const Contact &contact)
{
    if (known.outcome == Outcome::Answered || contact.outcome <= known.outcome)
        return false;
    known.outcome = contact.outcome;
    if (contact.outcome == Outcome::Answered)
        unanswered_--;
    return true;
}

/// Contacts may be forgotten before their answers come; these counts are not.
void Fan::count_recent(const Contact &contact, bool fresh)
{
    constexpr std::uint32_t pause = 10;
    if (contact.second - halved_ >= pause) {
        tried_ /= 2;
        reached_ /= 2;
        halved_ = contact.second;
    }
    tried_ += fresh;
    reached_ += contact.outcome == Outcome::Answered;
}

bool Fan::note(const Contact &contact, bool fresh, std::size_t most)
{
    count_recent(contact, fresh);
    const auto known = std::ranges::find(contacts_, contact.mark, &Contact::mark);
    const bool is_known = known != contacts_.end();
    const bool failed = contact.outcome != Outcome::Answered && (!is_known || known->outcome != Outcome::Answered);
    if (fresh && failed)
        last_failure_ = contact.second;
    if (is_known)
        return merge(*known, contact);
    if (!fresh || seen_before(contact.mark))
        return false;
    if (contacts_.size() >= most)
        forget_oldest();
    if (seen_)
        remember(contact.mark);
    contacts_.push_back(contact);
    unanswered_ += failed;
    return true;
}

/// The older half, so that it is rarely done.
void Fan::forget_oldest()
{
    if (!seen_) {
        seen_ = std::make_unique<Seen>();
        for (const Contact &each : contacts_)
            remember(each.mark);
    }
    const auto end = contacts_.begin() + static_cast<std::ptrdiff_t>(contacts_.size() / 2);
    unanswered_ -= static_cast<std::uint32_t>(
        std::count_if(contacts_.begin(), end, [](const Contact &each) { return each.outcome != Outcome::Answered; }));
    contacts_.erase(contacts_.begin(), end);
}

bool Fan::seen_before(std::uint32_t mark)
{
    if (!seen_)
        return false;
    const std::uint32_t bit = mark * 0x9e3779b1U >> (32 - std::bit_width(seen_bits - 1));
    return ((*seen_)[bit / 64] >> (bit % 64)) & 1;
}

void Fan::remember(std::uint32_t mark)
{
    if (seen_set_ > seen_bits / 4 * 3) {
        forgotten_ += static_cast<std::uint64_t>(estimate());
        *seen_ = {};
        seen_set_ = 0;
    }
    const std::uint32_t bit = mark * 0x9e3779b1U >> (32 - std::bit_width(seen_bits - 1));
    std::uint64_t &word = (*seen_)[bit / 64];
    const std::uint64_t value = std::uint64_t{1} << (bit % 64);
    seen_set_ += (word & value) == 0;
    word |= value;
}

/// Linear counting (Whang, Vander-Zanden, Taylor 1990).
double Fan::estimate() const
{
    constexpr double bits = seen_bits;
    return bits * std::log(bits / (bits - seen_set_));
}

std::uint64_t Fan::distinct() const
{
    return seen_ ? forgotten_ + static_cast<std::uint64_t>(std::lround(estimate())) : contacts_.size();
}

void Fan::add_sample(const Evidence &evidence)
{
    if (samples_.size() < Finding::max_listed)
        samples_.push_back(evidence);
}

namespace {

void count_lengths(Pattern &pattern, std::vector<std::uint16_t> &lengths)
{
    constexpr int tolerance = 16; ///< bytes: a name or a number within the probe
    if (lengths.empty())
        return;
    const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2);
    std::nth_element(lengths.begin(), middle, lengths.end());
    const int median = *middle;
    pattern.even = static_cast<std::uint32_t>(
        std::ranges::count_if(lengths, [&](int length) { return std::abs(length - median) <= tolerance; }));
}

} // namespace

Pattern Fan::worst(std::uint32_t now, std::uint32_t memory) const
{
    constexpr std::uint32_t many_young = 30; ///< more than a client begins in the last moments of a tick
    std::uint32_t young = 0;
    for (const Contact &each : contacts_)
        young += each.outcome == Outcome::Silent && now - std::min(now, each.second) < patience;
    const bool count_young = young >= many_young && reached_ * 5 <= tried_;
    Pattern current;
    Pattern best;
    std::vector<std::uint16_t> lengths;
    std::size_t best_lengths = 0;
    for (const Contact &each : std::views::reverse(contacts_)) {
        const std::uint32_t age = now - std::min(now, each.second);
        if (age > memory)
            break;
        if (each.outcome == Outcome::Answered) {
            current.answered++;
            continue;
        }
        if (each.outcome == Outcome::Silent && age < patience && !count_young)
            continue;
        current.last = std::max(current.last, each.second);
        current.first = each.second;
        current.failed++;
        current.refused += each.outcome == Outcome::Refused;
        current.low += each.mark < 1024;
        current.by_technique.at(static_cast<std::size_t>(each.technique))++;
        lengths.push_back(each.length);
        if (current.failed > current.answered && current.walk() > (best.failed ? best.walk() : 0)) {
            best = current;
            best_lengths = lengths.size();
        }
    }
    lengths.resize(best_lengths);
    count_lengths(best, lengths);
    return best;
}

FirstContacts::FirstContacts() : slots_(1 << 16) {}

Fan *FirstContacts::note(const FanKey &key, std::uint32_t mark, const Attempt &attempt, std::uint32_t second)
{
    constexpr std::size_t most = 128; ///< several times what it takes to tell a scan
    constexpr std::size_t fewer = 48;
    const Fan::Contact contact{mark, second, attempt.length, attempt.outcome, attempt.technique};
    Fan *fan = fans_.find(key);
    if (!fan) {
        const std::uint32_t tag = tag_of(key);
        Slot &slot = slots_[BytesHash{}(key) % slots_.size()];
        if (slot.tag != tag) {
            if (attempt.fresh)
                slot = {tag, contact};
            return nullptr;
        }
        if (slot.contact.mark == mark) {
            slot.contact.outcome = std::max(slot.contact.outcome, contact.outcome);
            return nullptr;
        }
        fan = attempt.fresh ? fans_.at(key) : nullptr;
        if (!fan)
            return nullptr;
        contacts_ += fan->note(slot.contact, true, most);
        slot = {};
    }
    const std::size_t before = fan->contacts().size();
    const bool changed = fan->note(contact, attempt.fresh, contacts_ > max_contacts ? fewer : most);
    contacts_ = contacts_ + fan->contacts().size() - before;
    return changed ? fan : nullptr;
}

/// Forgets what has been idle, the longer the scarcer room is; what has many failures is kept for a day.
void FirstContacts::sweep(std::uint32_t now)
{
    constexpr std::uint32_t pause = 30;
    constexpr std::uint32_t hour = 3600;
    constexpr std::uint32_t some = 8; ///< failures: the beginning of evidence
    if (now - swept_ < pause && now >= swept_)
        return;
    swept_ = now;
    const bool scarce = fans_.size() > max_fans / 4 * 3 || contacts_ > max_contacts;
    fans_.erase_if([&](const FanKey &, const Fan &fan) {
        const std::uint32_t idle = now - std::min(now, fan.contacts().back().second);
        const bool evidence = fan.unanswered() >= some;
        return idle > (evidence ? 24 * hour : scarce ? pause : hour) && !fan.watched;
    });
    contacts_ = 0;
    for (const auto &[key, fan] : fans_)
        contacts_ += fan.contacts().size();
}

} // namespace flowguard
