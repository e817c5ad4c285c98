// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard::bench {
namespace {

constexpr std::size_t width = 100;

struct Range {
    double median;
    double min;
    double max;
};

Range range(const std::vector<double> &values)
{
    const auto [min, max] = std::ranges::minmax(values);
    return {median(values), min, max};
}

void print_unavailable(const std::string &subject, std::string reason)
{
    std::ranges::replace(reason, '\n', ' ');
    std::string line = fmt::format("  {:<22} not available: {}", subject, reason);
    for (std::size_t indent = 0; !line.empty(); indent = 25) {
        const std::size_t space = width - indent;
        std::size_t cut = line.size() <= space ? line.size() : line.rfind(' ', space);
        cut = cut == std::string::npos ? space : cut;
        fmt::print("{:{}}{}\n", "", indent, line.substr(0, cut));
        line.erase(0, std::min(cut + 1, line.size()));
    }
}

/// Milliseconds from microseconds to seconds, in the same width.
std::string milliseconds(double value)
{
    return value < 10 ? fmt::format("{:.3f}", value) : fmt::format("{:.1f}", value);
}

} // namespace

void print_head(const Machine &machine, unsigned rounds)
{
    fmt::print("fg-bench on {}, {} core{}{}; Linux {}, BPF JIT {}, BPF code by {}\n", machine.cpu, machine.cores,
               machine.cores == 1 ? "" : "s", machine.virtualized == "yes" ? " (virtual machine)" : "", machine.kernel,
               machine.jit, machine.bpf_compiler);
    fmt::print("Pinned to CPU {}, load {:.1f}; {} rounds, all programs by turns in each; median, least and most.\n",
               machine.pinned_to, machine.load, rounds);
}

void print_packet_head(const char *title)
{
    fmt::print("\n{}\n", title);
    fmt::print(
        "ns of CPU time a packet; 'driver', which makes the packets, is subtracted; 'times': of the first line\n");
    fmt::print("  {:<22}{:>9}{:>9}{:>9}{:>9}{:>8}  {}\n", "", "median", "min", "max", "driver", "times", "");
}

void print_packets(const std::vector<PacketCost> &costs)
{
    if (costs.empty())
        return;
    fmt::print("{}\n", costs.front().name);
    const double first = costs.front().ns.empty() ? 0 : median(costs.front().ns);
    for (const PacketCost &cost : costs) {
        if (cost.ns.empty()) {
            print_unavailable(cost.subject, cost.unavailable);
            continue;
        }
        const Range ns = range(cost.ns);
        const std::string ratio = first > 0 ? fmt::format("{:.2f}", ns.median / first) : "-";
        fmt::print("  {:<22}{:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}{:>8}  {}\n", cost.subject, ns.median, ns.min, ns.max,
                   median(cost.driver), ratio, cost.note);
    }
    std::fflush(stdout);
}

void print_drain_head()
{
    fmt::print("\nReading the kernel's table in user space\n");
    fmt::print("milliseconds of CPU time of the thread, and of wall time (with waiting for programs to leave)\n");
    fmt::print("  {:<36}{:>9}{:>9}{:>9}  {:>9}{:>9}{:>9}\n", "", "CPU med", "min", "max", "wall med", "min", "max");
}

void print_drain(const std::vector<DrainCost> &costs)
{
    if (costs.empty())
        return;
    fmt::print("{}\n", costs.front().name);
    for (const DrainCost &cost : costs) {
        if (cost.cpu_ms.empty()) {
            print_unavailable(cost.subject, cost.unavailable);
            continue;
        }
        const Range cpu = range(cost.cpu_ms);
        const Range wall = range(cost.wall_ms);
        fmt::print("  {:<36}{:>9}{:>9}{:>9}  {:>9}{:>9}{:>9}\n", cost.subject, milliseconds(cpu.median),
                   milliseconds(cpu.min), milliseconds(cpu.max), milliseconds(wall.median), milliseconds(wall.min),
                   milliseconds(wall.max));
    }
    std::fflush(stdout);
}

void print_memory(const std::vector<MemoryCost> &costs, unsigned cores)
{
    fmt::print("\nKernel memory\nbytes of all maps for each flow of capacity; flowguard's tables are of each CPU ({}), "
               "direction and\nepoch, and each has this capacity\n",
               cores);
    for (const MemoryCost &cost : costs) {
        if (!cost.unavailable.empty())
            print_unavailable(cost.subject, cost.unavailable);
        else
            fmt::print("  {:<22}{:>9.1f}   capacity {}\n", cost.subject, cost.bytes_per_flow, grouped(cost.capacity));
    }
}

nlohmann::json to_json(const Machine &machine)
{
    return {{"cpu", machine.cpu},
            {"cores", machine.cores},
            {"kernel", machine.kernel},
            {"jit", machine.jit},
            {"load", machine.load},
            {"bpf_compiler", machine.bpf_compiler},
            {"cpu_used", machine.pinned_to},
            {"virtual_machine", machine.virtualized == "yes"}};
}

nlohmann::json to_json(const PacketCost &cost)
{
    nlohmann::json json{{"case", cost.name}, {"subject", cost.subject}};
    if (cost.ns.empty()) {
        json["unavailable"] = cost.unavailable;
        return json;
    }
    const Range ns = range(cost.ns);
    json.update({{"packets_per_round", cost.packets},
                 {"ns", ns.median},
                 {"ns_min", ns.min},
                 {"ns_max", ns.max},
                 {"rounds_ns", cost.ns},
                 {"rounds_driver_ns", cost.driver},
                 {"rounds_kernel_ns", cost.kernel},
                 {"rounds_wall_ns", cost.wall},
                 {"note", cost.note}});
    return json;
}

nlohmann::json to_json(const DrainCost &cost)
{
    nlohmann::json json{{"case", cost.name}, {"subject", cost.subject}, {"flows", cost.flows}};
    if (cost.cpu_ms.empty()) {
        json["unavailable"] = cost.unavailable;
        return json;
    }
    json.update({{"cpu_ms", median(cost.cpu_ms)},
                 {"wall_ms", median(cost.wall_ms)},
                 {"rounds_cpu_ms", cost.cpu_ms},
                 {"rounds_wall_ms", cost.wall_ms}});
    return json;
}

nlohmann::json to_json(const MemoryCost &cost)
{
    nlohmann::json json{{"subject", cost.subject}};
    if (cost.unavailable.empty())
        json.update({{"capacity", cost.capacity}, {"bytes_per_flow", cost.bytes_per_flow}});
    else
        json["unavailable"] = cost.unavailable;
    return json;
}

} // namespace flowguard::bench
