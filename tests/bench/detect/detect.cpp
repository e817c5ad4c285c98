// SPDX-License-Identifier: Apache-2.0
#include "traffic.h"

#include "flowguard/detect/detection.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace flowguard::bench {
namespace {

constexpr TimeNs second = 1'000'000'000;

struct Options {
    std::uint32_t flows = 100'000;
    std::uint32_t ticks = 20;
    bool json = false;
};

struct Figures {
    std::string_view scene;
    double flow_table_ms = 0; ///< median of a tick: its records into the flow table, and its end
    double median_ms = 0;     ///< of detection
    double longest_ms = 0;
    double flow_table_mb = 0;
    double detection_mb = 0; ///< the most of all ticks
    std::size_t incidents = 0;
};

double allocated_mb()
{
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

double milliseconds(std::chrono::steady_clock::duration time)
{
    return std::chrono::duration<double, std::milli>(time).count();
}

double median(std::vector<double> values)
{
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

/// Memory is told apart by what is there before and after each part works.
Figures measure(const Scene &scene, const Options &options)
{
    Figures figures{.scene = scene.name};
    FlowTable flows({.max_flows = 4 * std::size_t{options.flows}, .max_ended = 0}, 1);
    Detection detection({}, Locality());
    std::vector<fg_flow_record> records;
    std::vector<double> table_times;
    std::vector<double> times;
    double in_detection = 0;
    TimeNs now = 1'700'000'000 * second;
    for (std::uint32_t tick = 0; tick < options.ticks; tick++, now += second) {
        records.clear();
        for (std::uint32_t number = 0; number < options.flows; number++)
            scene.add(records, number, tick);
        const double before = allocated_mb();
        const auto began = std::chrono::steady_clock::now();
        flows.begin_tick(1);
        for (const fg_flow_record &record : records)
            flows.add(record, FG_RX, now, now);
        flows.end_tick(now + second);
        const auto counted = std::chrono::steady_clock::now();
        const double between = allocated_mb();
        detection.tick({.begin = now, .end = now + second, .flows = flows, .overflow = {}, .dns = {}});
        (void)detection.incidents().take_changes();
        const auto ended = std::chrono::steady_clock::now();
        figures.flow_table_mb += between - before;
        in_detection += allocated_mb() - between;
        figures.detection_mb = std::max(figures.detection_mb, in_detection);
        table_times.push_back(milliseconds(counted - began));
        times.push_back(milliseconds(ended - counted));
    }
    figures.flow_table_ms = median(table_times);
    figures.median_ms = median(times);
    figures.longest_ms = *std::ranges::max_element(times);
    figures.incidents = detection.incidents().open().size();
    return figures;
}

void print(const std::vector<Figures> &all, const Options &options)
{
    fmt::print("A tick over {} active flows, {} ticks:\n{:<10}{:>15}{:>15}{:>12}{:>14}{:>14}{:>11}\n", options.flows,
               options.ticks, "traffic", "flow table ms", "detection ms", "longest", "flow table MB", "detection MB",
               "incidents");
    for (const Figures &each : all)
        fmt::print("{:<10}{:>15.1f}{:>15.1f}{:>12.1f}{:>14.1f}{:>14.1f}{:>11}\n", each.scene, each.flow_table_ms,
                   each.median_ms, each.longest_ms, each.flow_table_mb, each.detection_mb, each.incidents);
    for (const Scene &scene : scenes())
        fmt::print("{}: {}\n", scene.name, scene.what);
}

void print_json(const std::vector<Figures> &all, const Options &options)
{
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Figures &each : all)
        rows.push_back({{"traffic", each.scene},
                        {"flow_table_ms", each.flow_table_ms},
                        {"detection_ms", each.median_ms},
                        {"longest_ms", each.longest_ms},
                        {"flow_table_mb", each.flow_table_mb},
                        {"detection_mb", each.detection_mb},
                        {"incidents", each.incidents}});
    const nlohmann::ordered_json document{{"flows", options.flows}, {"ticks", options.ticks}, {"rows", rows}};
    fmt::print("{}\n", document.dump(2));
}

} // namespace
} // namespace flowguard::bench

int main(int argc, char **argv)
{
    using namespace flowguard::bench;
    Options options;
    CLI::App app("What a tick of detection costs, in milliseconds of one core and in megabytes.");
    app.add_option("--flows", options.flows, "active in each tick")
        ->check(CLI::Range(1000U, 1'000'000U))
        ->capture_default_str();
    app.add_option("--ticks", options.ticks)->check(CLI::Range(3U, 3600U))->capture_default_str();
    app.add_flag("--json", options.json, "print one JSON document");
    CLI11_PARSE(app, argc, argv);
    std::vector<Figures> all;
    for (const Scene &scene : scenes())
        all.push_back(measure(scene, options));
    if (options.json)
        print_json(all, options);
    else
        print(all, options);
}
