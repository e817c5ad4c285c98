// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/kernel/maps.h"
#include "flowguard/tui/overflow.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <memory>

namespace flowguard {
namespace {

std::string packets_and_bytes(const Json &side)
{
    return fmt::format("{} {}", grouped(side.value("packets", std::uint64_t{0})),
                       format_bytes(side.value("bytes", 0.0)));
}

std::string hook(const Json &interface, const char *side) { return interface.at(side).value("hook", "off"); }

void print_interfaces(const Json &interfaces)
{
    Table table({{"INTERFACE"},
                 {"INGRESS"},
                 {"EGRESS"},
                 {"RX PACKETS", Align::Right},
                 {"TX PACKETS", Align::Right},
                 {"DROPPED", Align::Right},
                 {"ACCOUNTED", Align::Right}});
    for (const Json &interface : interfaces) {
        const Json &rx = interface.at("rx");
        const Json &tx = interface.at("tx");
        table.add(
            {interface.value("name", ""), hook(interface, "ingress"), hook(interface, "egress"), packets_and_bytes(rx),
             packets_and_bytes(tx),
             grouped(rx.value("dropped_packets", std::uint64_t{0}) + tx.value("dropped_packets", std::uint64_t{0})),
             format_share(interface.value("accounted", 0.0))});
    }
    table.print();
}

std::string describe_loss(const std::string &loss, std::uint64_t count)
{
    return fmt::format("{} {}: {}", grouped(count),
                       loss.starts_with("dns_") ? "DNS packets counted, but not read"
                                                : "packets counted without their flow",
                       clean(loss));
}

void print_remarks(const Json &interfaces)
{
    for (const Json &interface : interfaces) {
        const std::string name = clean(interface.value("name", ""));
        if (interface.contains("note"))
            print_line(fmt::format("{}: {}", name, clean(interface.value("note", ""))));
        for (const auto &[loss, count] : interface.at("losses").items())
            print_line(fmt::format("{}: {}", name, describe_loss(loss, count.get<std::uint64_t>())));
    }
}

void print(const Json &status)
{
    const Json &daemon = status.at("daemon");
    const Json &interfaces = status.at("interfaces");
    print_line(fmt::format("flowguard {}, pid {}, since {}", status.value("version", ""), daemon.value("pid", 0),
                           daemon.value("since", "")));
    if (interfaces.empty())
        print_line("nothing is attached: 'flowguard attach IFACE'");
    else
        print_interfaces(interfaces);
    print_remarks(interfaces);
    for (const Json &aggregate : status.value("overflow", Json::array()))
        print_line(fmt::format("  without their flow: {}", describe_overflow(aggregate)));
    const auto flows = status.at("flow_table").value("active", std::uint64_t{0});
    const auto blocks = status.at("policy").value("blocks", std::uint64_t{0});
    print_line(fmt::format("{} active flow{}, {} block{}", grouped(flows), flows == 1 ? "" : "s", grouped(blocks),
                           blocks == 1 ? "" : "s"));
    if (!status.contains("features"))
        return;
    print_line(fmt::format("kernel tables: {} flows per CPU, direction and tick, {} ({} when measured at the start)",
                           grouped(status.at("flow_table").value("capacity", std::uint64_t{0})),
                           format_bytes(status.value("kernel_memory_bytes", 0.0)),
                           format_bytes(status.value("kernel_memory_measured_bytes", 0.0))));
    for (const Json &interface : interfaces)
        if (interface.value("tunnels", false))
            print_line(fmt::format("{}: flows inside tunnels are counted, not the tunnels",
                                   clean(interface.value("name", ""))));
    for (const Json &feature : status.at("features"))
        print_line(clean(feature.get<std::string>()));
}

/// A daemon that died leaves its programs at work: the operator should know.
Error explain(Error error, const InstancePaths &paths)
{
    std::error_code ignored;
    if (error.code != ExitCode::NotRunning || !std::filesystem::exists(paths.pins, ignored))
        return error;
    std::string names;
    if (const auto maps = Maps::open(paths.pins))
        for (const fg_interface &entry : maps->interfaces.subspan(0, FG_MAX_INTERFACES))
            if (entry.ifindex != 0)
                names += fmt::format(" {}", entry.name);
    if (!names.empty())
        error.message = fmt::format(
            "the daemon has ended, but its programs go on counting and blocking on{0}: 'flowguard "
            "attach{0}' takes them over, 'flowguard detach' removes them",
            names);
    return error;
}

} // namespace

Run build_status(CLI::App &command)
{
    auto verbose = std::make_shared<bool>(false);
    command.add_flag("--verbose", *verbose, "Also show features, memory and why they were chosen");
    return [verbose](const Context &context) -> Result<void> {
        const bool all = *verbose || context.verbose;
        auto status = context.client().get("/v1/status", {{"verbose", all ? "1" : "0"}});
        if (!status)
            return std::unexpected(explain(status.error(), context.paths));
        if (context.json)
            print_json(*status);
        else if (!context.quiet)
            print(*status);
        return {};
    };
}

} // namespace flowguard
