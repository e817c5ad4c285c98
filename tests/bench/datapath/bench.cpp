// SPDX-License-Identifier: Apache-2.0
// fg-bench: the command line.
#include "report.h"

#include "flowguard/kernel/programs.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace flowguard::bench {
namespace {

struct Arguments {
    std::string only;
    unsigned rounds = 5;
    std::uint64_t packets = 0;
    bool extended = false;
    bool json = false;
};

void describe(CLI::App &app, Arguments &arguments)
{
    app.add_option("--only", arguments.only,
                   "cases whose 'TABLE: NAME' matches this regular expression; tables are flows, blocklist, rules, "
                   "drain, memory");
    app.add_option("--rounds", arguments.rounds, "measurements of each program in each case (default 5)")
        ->check(CLI::Range(1, 1000, "UINT"));
    app.add_option("--packets", arguments.packets, "packets of a measurement (default: what takes a fifth of a second)")
        ->check(CLI::Range(1, 1'000'000'000, "UINT"));
    app.add_flag("--long", arguments.extended, "also 4,000,000 flows and 1,000,000 blocked hosts");
    app.add_flag("--json", arguments.json, "print one JSON document, with the values of every round");
}

Result<Settings> make_settings(const Arguments &arguments)
{
    try {
        return Settings{.rounds = arguments.rounds,
                        .packets = arguments.packets,
                        .extended = arguments.extended,
                        .only = std::regex(arguments.only)};
    } catch (const std::regex_error &error) {
        return fail(ExitCode::Usage,
                    fmt::format("--only '{}' is no regular expression: {}", arguments.only, error.what()));
    }
}

/// Prints tables as they grow, or gathers them.
class Output {
  public:
    explicit Output(bool json) : json_(json) {}

    template <class Cost> auto sink(const char *table, void (*head)(), void (*print)(const std::vector<Cost> &))
    {
        document_[table] = nlohmann::json::array();
        return [=, this, begun = false](const std::vector<Cost> &costs) mutable {
            for (const Cost &cost : costs)
                document_[table].push_back(to_json(cost));
            if (json_)
                return;
            if (!std::exchange(begun, true))
                head();
            print(costs);
        };
    }
    void add(const char *name, nlohmann::json value) { document_[name] = std::move(value); }
    void append(const char *name, nlohmann::json value) { document_[name].push_back(std::move(value)); }
    void finish() const
    {
        if (json_)
            fmt::print("{}\n", document_.dump(2));
    }

  private:
    bool json_;
    nlohmann::json document_;
};

Result<void> run(const Arguments &arguments)
{
    const auto settings = make_settings(arguments);
    if (!settings)
        return std::unexpected(settings.error());
    if (auto able = check_host(); !able)
        return able;
    const auto cpu = pin_thread();
    if (!cpu)
        return std::unexpected(cpu.error());
    auto driver = Driver::load();
    if (!driver)
        return std::unexpected(driver.error());

    const Machine machine = describe_machine(*cpu);
    Output output(arguments.json);
    output.add("machine", to_json(machine));
    if (!arguments.json)
        print_head(machine, settings->rounds);
    Result<void> done = run_flows(*driver, *settings,
                                  output.sink<PacketCost>(
                                      "flows", [] { print_packet_head("Counting flows"); }, print_packets));
    if (done)
        done = run_blocklist(
            *driver, *settings,
            output.sink<PacketCost>(
                "blocklist",
                [] { print_packet_head("Blocking; 1,000 flows, random order, IPv4 UDP (xdp-filter counts no flows)"); },
                print_packets));
    if (done)
        done = run_rules(
            *driver, *settings,
            output.sink<PacketCost>(
                "rules", [] { print_packet_head("Rules; 1,000 flows, random order, IPv4 UDP"); }, print_packets));
    if (done)
        done = run_drain(*driver, *settings, output.sink<DrainCost>("drain", print_drain_head, print_drain));
    if (!done)
        return done;
    if (settings->wants("memory", "")) {
        const std::vector<MemoryCost> costs = measure_memory();
        for (const MemoryCost &cost : costs)
            output.append("memory", to_json(cost));
        if (!arguments.json)
            print_memory(costs, machine.cores);
    }
    output.finish();
    return {};
}

} // namespace
} // namespace flowguard::bench

int main(int argc, char **argv)
{
    using namespace flowguard::bench;
    Arguments arguments;
    CLI::App app("Measures what flowguard costs a packet in the kernel, beside what others would use.", "fg-bench");
    describe(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp &) {
        fmt::print("{}", app.help());
        return 0;
    } catch (const CLI::ParseError &error) {
        fmt::print(stderr, "fg-bench: {}; --help lists the options\n", error.what());
        return 2;
    }
    const auto done = run(arguments);
    if (done)
        return 0;
    fmt::print(stderr, "fg-bench: {}\n", done.error().message);
    return static_cast<int>(done.error().code);
}
