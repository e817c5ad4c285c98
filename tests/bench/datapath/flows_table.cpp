// SPDX-License-Identifier: Apache-2.0
#include "flowguard_subject.h"
#include "peer_subject.h"
#include "tables.h"

#include <fmt/format.h>

#include <bit>

namespace flowguard::bench {
namespace {

constexpr std::uint64_t filling = 1'000'000;

Case established(Frame frame, std::uint64_t flows)
{
    return {.name = fmt::format("{} flow{}, {}", grouped(flows), flows == 1 ? "" : "s, random order",
                                frame == Frame::Udp6 ? "IPv6 UDP" : "IPv4 UDP"),
            .traffic = {.frame = frame, .order = flows == 1 ? FG_DRIVE_TURNS : FG_DRIVE_RANDOM, .flows = flows}};
}

Case every_packet_new(std::string name, Case::Table table, std::uint64_t packets)
{
    return {.name = std::move(name),
            .traffic = {.frame = Frame::Syn4, .order = FG_DRIVE_NEW},
            .table = table,
            .packets = packets};
}

std::vector<std::pair<Case, std::uint64_t>> cases(bool extended)
{
    std::vector<std::pair<Case, std::uint64_t>> all;
    for (const std::uint64_t flows : {1U, 1'000U, 100'000U, 1'000'000U, 4'000'000U})
        if (extended || flows <= 1'000'000)
            all.emplace_back(established(Frame::Udp4, flows), flows);
    all.emplace_back(every_packet_new("every packet a new flow, table fills up, TCP SYN", Case::Table::Empty, filling),
                     filling);
    all.emplace_back(every_packet_new("every packet a new flow, table is full, TCP SYN", Case::Table::Full, 0),
                     usual_capacity());
    for (const std::uint64_t flows : {1U, 1'000U})
        all.emplace_back(established(Frame::Udp6, flows), flows);
    return all;
}

/// What the test run itself costs, for scale.
Result<std::vector<PacketCost>> measure_pass(Driver &driver, const Settings &settings)
{
    PacketCost cost;
    cost.name = "nothing but the test run";
    cost.subject = "XDP_PASS, not driven";
    cost.packets = settings.packets ? settings.packets : 20'000'000;
    driver.aim({});
    for (unsigned round = 0; round <= settings.rounds; round++) {
        const auto timing = driver.run_alone(driver.pass(false), cost.packets);
        if (!timing)
            return std::unexpected(timing.error());
        if (round == 0)
            continue; /* warming up */
        cost.ns.push_back(timing->cpu);
        cost.driver.push_back(0);
        cost.kernel.push_back(timing->kernel);
        cost.wall.push_back(timing->wall);
    }
    return std::vector{cost};
}

} // namespace

std::vector<Contender> peer_contenders(std::uint64_t flows)
{
    const auto capacity = static_cast<std::uint32_t>(std::max<std::uint64_t>(usual_capacity(), std::bit_ceil(flows)));
    const auto peer = [capacity](const char *name, bpf_map_type type) {
        return Contender{name, [=] -> Result<std::unique_ptr<Subject>> { return PeerSubject::load(type, capacity); }};
    };
    return {peer("HASH", BPF_MAP_TYPE_HASH), peer("LRU_HASH", BPF_MAP_TYPE_LRU_HASH),
            peer("PERCPU_HASH", BPF_MAP_TYPE_PERCPU_HASH)};
}

Result<void> run_flows(Driver &driver, const Settings &settings, const PacketSink &sink)
{
    if (settings.wants("flows", "nothing but the test run")) {
        const auto costs = measure_pass(driver, settings);
        if (!costs)
            return std::unexpected(costs.error());
        sink(*costs);
    }
    for (const auto &[one, flows] : cases(settings.extended)) {
        if (!settings.wants("flows", one.name))
            continue;
        std::vector<Contender> contenders = peer_contenders(flows);
        contenders.insert(contenders.begin(), {"flowguard", [flows = flows] -> Result<std::unique_ptr<Subject>> {
                                                   return FlowguardSubject::load(flows);
                                               }});
        const auto costs = measure(driver, settings, one, contenders);
        if (!costs)
            return std::unexpected(costs.error());
        sink(*costs);
    }
    return {};
}

} // namespace flowguard::bench
