// SPDX-License-Identifier: Apache-2.0
#include "flowguard_subject.h"
#include "tables.h"

#include <fmt/format.h>

namespace flowguard::bench {
namespace {

constexpr std::uint64_t flows = 1000;
constexpr std::uint32_t elsewhere = 0xc6120000; /* 198.18.0.0 */

/// Of what all rules of a case are.
enum class Kind { Ports, Addresses };

Contender with_rules(const std::string &name, std::uint32_t rules, Kind kind)
{
    return {name, [=]() -> Result<std::unique_ptr<Subject>> {
                auto subject = FlowguardSubject::load(flows);
                if (!subject)
                    return subject;
                const auto filled = kind == Kind::Ports ? fill_port_rules((*subject)->maps(), rules)
                                                        : fill_address_rules((*subject)->maps(), rules);
                if (!filled)
                    return std::unexpected(filled.error());
                return subject;
            }};
}

} // namespace

Result<void> run_rules(Driver &driver, const Settings &settings, const PacketSink &sink)
{
    for (const auto &[kind, what] : {std::pair(Kind::Ports, "of ports"), {Kind::Addresses, "of addresses and ports"}}) {
        const Case one{.name = fmt::format("rules {}, none matches", what),
                       .traffic = {.order = FG_DRIVE_RANDOM, .flows = flows, .source = elsewhere, .host_bits = 24}};
        if (!settings.wants("rules", one.name))
            continue;
        std::vector<Contender> contenders;
        for (const std::uint32_t rules : {0U, 1U, 10U, 100U, 1'000U})
            contenders.push_back(with_rules(fmt::format("{} rules", grouped(rules)), rules, kind));
        const auto costs = measure(driver, settings, one, contenders);
        if (!costs)
            return std::unexpected(costs.error());
        sink(*costs);
    }
    return {};
}

} // namespace flowguard::bench
