// SPDX-License-Identifier: Apache-2.0
#include "flowguard_subject.h"
#include "tables.h"
#include "xdp_filter_subject.h"

#include <fmt/format.h>

#include <bit>

namespace flowguard::bench {
namespace {

constexpr std::uint64_t flows = 1000;
constexpr std::uint32_t all_prefixes = 10'000;

constexpr std::uint32_t elsewhere = 0xc6120000; /* 198.18.0.0 */

struct List {
    std::uint32_t hosts;
    std::uint32_t prefixes;
};

std::string describe(const List &list)
{
    const std::string hosts = fmt::format("{} host{}", grouped(list.hosts), list.hosts == 1 ? "" : "s");
    return list.prefixes ? fmt::format("{} and {} prefixes", hosts, grouped(list.prefixes)) : hosts;
}

/// Of a list shorter than a thousand hosts, each sends several flows.
std::uint32_t host_bits(std::uint32_t hosts)
{
    return hosts >= flows ? 24 : static_cast<std::uint32_t>(std::bit_width(hosts) - 1);
}

std::vector<Case> cases(const List &list)
{
    const auto from = [](std::uint32_t source, std::uint32_t bits) {
        return Traffic{.order = FG_DRIVE_RANDOM, .flows = flows, .source = source, .host_bits = bits};
    };
    std::vector<Case> all{
        {.name = fmt::format("{} blocked, traffic not listed", describe(list)), .traffic = from(elsewhere, 24)}};
    if (list.hosts)
        all.push_back({.name = fmt::format("{} blocked, traffic from blocked hosts", describe(list)),
                       .traffic = from(blocked_hosts, host_bits(list.hosts)),
                       .dropped = true});
    if (list.prefixes)
        all.push_back({.name = fmt::format("{} blocked, traffic from blocked prefixes", describe(list)),
                       .traffic = from(blocked_prefixes, 24),
                       .dropped = true});
    return all;
}

std::vector<Contender> contenders(const List &list)
{
    std::vector<Contender> all{{"flowguard", [=] -> Result<std::unique_ptr<Subject>> {
                                    auto subject = FlowguardSubject::load(flows);
                                    if (!subject)
                                        return subject;
                                    if (auto filled = fill_blocklist((*subject)->maps(), list.hosts, list.prefixes);
                                        !filled)
                                        return std::unexpected(filled.error());
                                    return subject;
                                }}};
    if (list.prefixes == 0)
        all.push_back(
            {"xdp-filter", [=] -> Result<std::unique_ptr<Subject>> { return XdpFilterSubject::load(list.hosts); }});
    return all;
}

} // namespace

Result<void> run_blocklist(Driver &driver, const Settings &settings, const PacketSink &sink)
{
    for (const std::uint32_t hosts : {0U, 1U, 1'000U, 10'000U, 100'000U, 1'000'000U}) {
        if (hosts > 100'000 && !settings.extended)
            continue;
        for (const std::uint32_t prefixes : {0U, all_prefixes}) {
            const List list{hosts, prefixes};
            for (const Case &one : cases(list)) {
                if (!settings.wants("blocklist", one.name))
                    continue;
                const auto costs = measure(driver, settings, one, contenders(list));
                if (!costs)
                    return std::unexpected(costs.error());
                sink(*costs);
            }
        }
    }
    return {};
}

} // namespace flowguard::bench
