// SPDX-License-Identifier: Apache-2.0
// fg-generate: the command line.
#include "sender.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>

namespace flowguard::bench {
namespace {

constexpr unsigned default_size = 64;

std::atomic<bool> stopped = false;

struct Arguments {
    std::string device;
    std::uint64_t packets = 0;
    std::uint64_t flows = 1;
    unsigned size = 0;
    std::uint64_t rate = 0;
    unsigned threads = 1;
    unsigned batch = 64;
    bool ipv6 = false;
    bool random = false;
    bool tcp_syn = false;
    bool json = false;
    std::string source;
    std::string destination;
    std::string destination_mac = "ff:ff:ff:ff:ff:ff";
    std::uint16_t destination_port = 0;
};

const CLI::Validator not_zero([](const std::string &text) { return text == "0" ? "must be at least 1" : ""; }, "");

void describe(CLI::App &app, Arguments &arguments)
{
    app.add_option("--dev", arguments.device, "veth device to send from, in this network namespace; its peer receives")
        ->required();
    app.add_option("--packets", arguments.packets, "frames to hand over, in total")->required()->check(not_zero);
    auto *flows = app.add_option("--flows", arguments.flows, "distinct flows, which take turns (default 1)");
    flows->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32, "UINT"));
    auto *random = app.add_flag("--random", arguments.random, "pick a flow at random for each frame, not in turns");
    app.add_option("--size", arguments.size, "bytes of a frame with its Ethernet header (default 64; IPv6 SYN 80)");
    app.add_flag("--ipv6", arguments.ipv6, "IPv6 instead of IPv4");
    app.add_flag("--tcp-syn", arguments.tcp_syn, "a SYN flood: each frame from a random address and port of --src")
        ->excludes(flows)
        ->excludes(random);
    app.add_option("--src", arguments.source,
                   "ADDRESS[/LENGTH] that flows come from: addresses first, then ports from 1024 (default "
                   "198.18.0.0/15 or 2001:2::/48)");
    app.add_option("--dst", arguments.destination, "address that flows go to (default 192.0.2.1 or 2001:db8::1)");
    app.add_option("--dst-port", arguments.destination_port, "port that flows go to (default 9, SYN 80)");
    app.add_option("--dst-mac", arguments.destination_mac,
                   "the peer's address, or its stack sees a broadcast (default "
                   "ff:ff:ff:ff:ff:ff)");
    app.add_option("--threads", arguments.threads, "threads, each on a CPU of its own (default 1)")->check(not_zero);
    app.add_option("--rate", arguments.rate, "frames per second of all threads (default 0: as fast as possible)");
    app.add_option("--batch", arguments.batch,
                   "frames between two turns of the receiver on this CPU, 1 to 256 "
                   "(default 64)")
        ->check(CLI::Range(1, 256, "UINT"));
    app.add_flag("--json", arguments.json, "print one JSON document");
}

/// Addresses of one family, and enough of them.
Result<void> check_flows(const Arguments &arguments, const FrameOptions &frame)
{
    if (frame.source.base.is_v4() == arguments.ipv6 || frame.destination.is_v4() == arguments.ipv6)
        return fail(ExitCode::Usage, fmt::format("--src and --dst must be {} addresses; {} --ipv6",
                                                 arguments.ipv6 ? "IPv6" : "IPv4", arguments.ipv6 ? "drop" : "add"));
    const std::uint64_t most = (std::uint64_t{1} << frame.source.host_bits()) * FG_PORTS;
    if (!arguments.tcp_syn && arguments.flows > most)
        return fail(ExitCode::Usage, fmt::format("the sources of --src make {} flows with their ports, not {}; give "
                                                 "a shorter prefix",
                                                 most, arguments.flows));
    return {};
}

Result<FrameOptions> frame_options(const Arguments &arguments, const NearEnd &near_end)
{
    const char *source = arguments.ipv6 ? "2001:2::/48" : "198.18.0.0/15";
    const char *destination = arguments.ipv6 ? "2001:db8::1" : "192.0.2.1";
    const auto prefix = parse_prefix(arguments.source.empty() ? source : arguments.source);
    const auto to = IpAddress::parse(arguments.destination.empty() ? destination : arguments.destination);
    const auto mac = parse_mac(arguments.destination_mac);
    if (!prefix)
        return std::unexpected(prefix.error());
    if (!to)
        return std::unexpected(to.error());
    if (!mac)
        return std::unexpected(mac.error());
    const unsigned least = min_frame_size(arguments.ipv6, arguments.tcp_syn);
    const unsigned size = arguments.size ? arguments.size : std::max(default_size, least);
    const unsigned most = near_end.mtu + 14;
    if (size < least || size > most)
        return fail(ExitCode::Usage, fmt::format("--size must be from {} (these headers) to {} (the MTU of {}), not {}",
                                                 least, most, near_end.name, size));
    const unsigned port = arguments.destination_port ? arguments.destination_port : arguments.tcp_syn ? 80 : 9;
    return FrameOptions{near_end.mac, *mac, *prefix, *to, static_cast<std::uint16_t>(port), arguments.tcp_syn, size};
}

Result<Plan> make_plan(const Arguments &arguments)
{
    auto near_end = find_near_end(arguments.device);
    if (!near_end)
        return std::unexpected(near_end.error());
    const auto frame = frame_options(arguments, *near_end);
    if (!frame)
        return std::unexpected(frame.error());
    if (const auto enough = check_flows(arguments, *frame); !enough)
        return std::unexpected(enough.error());
    const fg_order order = arguments.tcp_syn ? FG_ORDER_SPOOF : arguments.random ? FG_ORDER_RANDOM : FG_ORDER_TURNS;
    return Plan{.near_end = *near_end,
                .frame = make_frame(*frame),
                .size = frame->size,
                .order = order,
                .flows = arguments.flows,
                .packets = arguments.packets,
                .rate = arguments.rate,
                .threads = arguments.threads,
                .batch = arguments.batch};
}

void print(const Arguments &arguments, const Plan &plan, const Sent &sent)
{
    const double seconds = sent.elapsed.count();
    const double pps = static_cast<double>(sent.delivered) / seconds;
    const std::uint64_t refused = sent.handed - sent.delivered;
    if (arguments.json) {
        const auto flows = arguments.tcp_syn ? nlohmann::json() : nlohmann::json(plan.flows);
        const nlohmann::json document{{"device", plan.near_end.name},
                                      {"handed", sent.handed},
                                      {"delivered", sent.delivered},
                                      {"refused", refused},
                                      {"bytes", sent.delivered * plan.size},
                                      {"size", plan.size},
                                      {"flows", flows},
                                      {"threads", plan.threads},
                                      {"seconds", seconds},
                                      {"pps", pps},
                                      {"interrupted", stopped.load()}};
        fmt::print("{}\n", document.dump());
        return;
    }
    fmt::print("{}: {} frames of {} bytes handed over, {} delivered, {} refused, in {:.3f} s: {:.3f} Mpps{}\n",
               plan.near_end.name, sent.handed, plan.size, sent.delivered, refused, seconds, pps / 1e6,
               stopped ? " (interrupted)" : "");
}

int end_with(const Error &error)
{
    fmt::print(stderr, "fg-generate: {}\n", error.message);
    return static_cast<int>(error.code);
}

int send(const Arguments &arguments)
{
    const auto plan = make_plan(arguments);
    if (!plan)
        return end_with(plan.error());
    auto sender = Sender::load(*plan);
    if (!sender)
        return end_with(sender.error());
    struct sigaction action {};
    action.sa_handler = [](int) { stopped = true; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    const auto sent = sender->run(stopped);
    if (!sent)
        return end_with(sent.error());
    print(arguments, *plan, *sent);
    return sent->error ? end_with(*sent->error) : 0;
}

} // namespace
} // namespace flowguard::bench

int main(int argc, char **argv)
{
    using namespace flowguard::bench;
    Arguments arguments;
    CLI::App app("Sends a bounded number of made-up frames out of a veth device, as fast as the kernel can.",
                 "fg-generate");
    describe(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp &) {
        fmt::print("{}", app.help());
        return 0;
    } catch (const CLI::ParseError &error) {
        fmt::print(stderr, "fg-generate: {}; --help lists the options\n", error.what());
        return 2;
    }
    return send(arguments);
}
