// SPDX-License-Identifier: Apache-2.0
/*
 * Traffic with addresses that stand on blacklists. What a host of ours began is told host by host; strangers that knock
 * are told together, because the Internet's scanners do that all day.
 */
#include "flowguard/detect/detectors.h"

#include "flowguard/abi/parser.h"
#include "flowguard/detect/bounded_map.h"
#include "flowguard/detect/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace flowguard {
namespace {

constexpr std::size_t max_subjects = 1024;  ///< in a tick
constexpr std::size_t max_strangers = 1024; ///< counted for one host of ours
constexpr std::size_t max_look_ups = 8192;  ///< of listed names, which are few

/// What was seen of one subject in a tick.
struct Contact {
    std::string list;
    TimeNs since = 0;
    Volume to_server;
    Volume to_client;
    bool answered = false;
    bool talked = false;                          ///< both sides sent more than what opens and closes a connection
    std::map<IpAddress, std::uint64_t> strangers; ///< and their bytes
    std::vector<Evidence> evidence;
};

class ReputationBlacklisted : public Detector {
  public:
    explicit ReputationBlacklisted(const Parameters &) {}

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        if (tick.reputation.empty())
            return;
        outbound_.clear();
        inbound_.clear();
        note_names(tick);
        for (const FlowDelta &delta : tick.flows)
            note(tick, *delta.flow);
        for (const auto &[pair, contact] : outbound_)
            findings.push_back(describe_outbound(tick, pair.first, pair.second, contact));
        for (const auto &[target, contact] : inbound_)
            findings.push_back(describe_inbound(target, contact));
    }

  private:
    struct LookUp {
        IpAddress host;
        IpAddress address;

        bool operator==(const LookUp &) const = default;
    };

    /// Of a host's own look-ups: another one may know the same address by a name that is not listed.
    void note_names(const Tick &tick)
    {
        for (const DnsMessage &message : tick.dns)
            if (message.response && message.asked && tick.reputation.listed_name(message.name))
                for (const DnsAnswer &answer : message.answers)
                    if (answer.address)
                        if (std::string *name = names_.at({message.client, *answer.address}))
                            *name = message.name;
    }

    void note(const Tick &tick, const Flow &flow)
    {
        const FlowKey &key = flow.key;
        const auto direction = tick.locality.direction(key);
        if (direction == Locality::Direction::Out) {
            const std::string *list = tick.reputation.listed(key.server);
            const std::string *name = list ? nullptr : names_.find({key.client, key.server});
            if (name)
                list = tick.reputation.listed_name(*name);
            if (list && (outbound_.size() < max_subjects || outbound_.contains({key.client, key.server})))
                add(outbound_[{key.client, key.server}], flow, *list, key.server);
        } else if (direction == Locality::Direction::In) {
            const std::string *list = tick.reputation.listed(key.client);
            if (list && (inbound_.size() < max_subjects || inbound_.contains(key.server)))
                add(inbound_[key.server], flow, *list, key.client);
        }
    }

    static void add(Contact &contact, const Flow &flow, const std::string &list, const IpAddress &stranger)
    {
        if (contact.list.empty() || list < contact.list)
            contact.list = list;
        contact.since = contact.since == 0 ? flow.start : std::min(contact.since, flow.start);
        contact.to_server += flow.to_server;
        contact.to_client += flow.to_client;
        contact.answered |= flow.to_client.packets > flow.server_sent.tcp.rst;
        const bool tcp = flow.key.proto == FG_PROTO_TCP;
        const auto beyond = [&](const Volume &volume) { return volume.packets > (tcp ? 3U : 0U); };
        contact.talked |= beyond(flow.to_server) && beyond(flow.to_client);
        if (contact.strangers.size() < max_strangers || contact.strangers.contains(stranger))
            contact.strangers[stranger] += flow.to_server.bytes + flow.to_client.bytes;
        if (contact.evidence.size() < Finding::max_listed)
            contact.evidence.push_back(Evidence::of(flow));
    }

    static Finding describe_outbound(const Tick &tick, const IpAddress &host, const IpAddress &peer,
                                     const Contact &contact)
    {
        const Volume all = contact.to_server + contact.to_client;
        const std::string name = tick.names.name_of(peer);
        std::string what = "it answered, so look at what ran there now";
        if (!contact.answered)
            what = "it did not answer, but something on the host tried";
        else if (contact.talked)
            what = "they exchanged data, so take the host for compromised until it is explained";
        Severity severity = contact.talked ? Severity::High : Severity::Medium;
        if (!contact.answered)
            severity = Severity::Low;
        return {
            .detector = reputation_blacklisted.id,
            .severity = severity,
            .subject = {.source = host, .target = peer, .proto = {}, .port = {}},
            .since = contact.since,
            .observed = static_cast<double>(all.bytes),
            .expected = 0,
            .unit = "bytes",
            .metric = "traffic with a blacklisted address",
            .source_count = 1,
            .sources = {host},
            .targets = {peer},
            .explanation = fmt::format("{} contacted {}{}, which stands on the list '{}': {} packets ({} bytes) out "
                                       "and {} packets ({} bytes) back; {}.",
                                       host.to_string(), peer.to_string(), name.empty() ? "" : " (" + name + ")",
                                       contact.list, contact.to_server.packets, contact.to_server.bytes,
                                       contact.to_client.packets, contact.to_client.bytes, what),
            .suggestion = fmt::format("flowguard block {} --both --for 1h", peer.to_string()),
            .evidence = contact.evidence};
    }

    static std::vector<IpAddress> busiest(const Contact &contact)
    {
        std::vector<std::pair<IpAddress, std::uint64_t>> order(contact.strangers.begin(), contact.strangers.end());
        std::ranges::stable_sort(order, [](const auto &a, const auto &b) { return a.second > b.second; });
        std::vector<IpAddress> list;
        for (std::size_t i = 0; i < std::min(order.size(), Finding::max_listed); i++)
            list.push_back(order[i].first);
        return list;
    }

    static Finding describe_inbound(const IpAddress &target, const Contact &contact)
    {
        const std::vector<IpAddress> sources = busiest(contact);
        const Volume all = contact.to_server + contact.to_client;
        return {.detector = reputation_blacklisted.id,
                .severity = Severity::Low,
                .subject = {.source = {}, .target = target, .proto = {}, .port = {}},
                .since = contact.since,
                .observed = static_cast<double>(contact.strangers.size()),
                .expected = 0,
                .unit = "addresses",
                .metric = "blacklisted addresses that came",
                .source_count = contact.strangers.size(),
                .sources = sources,
                .targets = {target},
                .explanation = fmt::format(
                    "{} blacklisted address{} (list '{}') contacted {}, most of all {}: {} packets, {} bytes in "
                    "both directions; {}.",
                    contact.strangers.size(), contact.strangers.size() == 1 ? "" : "es", contact.list,
                    target.to_string(), sources.front().to_string(), all.packets, all.bytes,
                    contact.talked ? "some exchanged data" : "none got further than knocking"),
                .suggestion = fmt::format("flowguard block {} --in --for 24h", sources.front().to_string()),
                .evidence = contact.evidence};
    }

    BoundedMap<LookUp, std::string, BytesHash> names_{max_look_ups}; ///< as the host looked the address up
    std::map<std::pair<IpAddress, IpAddress>, Contact> outbound_;
    std::map<IpAddress, Contact> inbound_;
};

constexpr std::array<std::string_view, 1> attack{"T1071"};
constexpr std::array<std::string_view, 2> explained{"novelty.destination", "novelty.port"};

} // namespace

constinit const DetectorInfo reputation_blacklisted{
    .id = "reputation.blacklisted",
    .title = "Blacklisted peer",
    .category = "Reputation",
    .attack = attack,
    .hold = std::chrono::minutes(10),
    .explains = explained,
    .parameters = {},
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> {
        return std::make_unique<ReputationBlacklisted>(given);
    },
};

} // namespace flowguard
