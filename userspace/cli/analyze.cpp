// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/analyze.h"

#include "flowguard/capture/home.h"
#include "flowguard/capture/packet_filter.h"
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/daemon/config.h"
#include "flowguard/detect/incident_json.h"
#include "flowguard/store/baseline_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <unistd.h>

namespace flowguard {
namespace {

struct Options {
    std::string file;
    std::vector<std::string> local;
    std::string filter;
    std::optional<std::size_t> rows;
    std::string baseline;
    std::vector<std::string> feeds;
    bool flows = false;
    bool incidents = false;
    bool tunnels = false;
};

/// The defaults, unless a file is named: the same capture gives the same incidents on each machine.
Result<Config> configuration(const Context &context, const Options &options)
{
    auto config = context.config ? load_config(*context.config, true) : Config{};
    for (const std::string &text : options.feeds) {
        auto feed = FeedSource::parse(text);
        if (!feed)
            return std::unexpected(feed.error());
        if (config)
            config->feeds.push_back(std::move(*feed));
    }
    return config;
}

/// What detection knows before the first packet.
Result<void> prepare(Detection &detection, const Config &config, const Options &options)
{
    if (!options.baseline.empty()) {
        auto baselines = read_baselines(options.baseline);
        if (!baselines)
            return std::unexpected(baselines.error());
        detection.restore(std::move(*baselines));
    }
    FeedFiles feeds(config.feeds);
    feeds.refresh();
    for (const FeedFiles::State &state : feeds.states())
        if (!state.error.empty())
            return fail(ExitCode::Failed, state.error);
    detection.set_reputation(feeds.reputation());
    return {};
}

Result<Home> given_home(const std::vector<std::string> &texts)
{
    Home home{.locality = {}, .addresses = texts, .how = "as given"};
    std::vector<IpPrefix> prefixes;
    for (const std::string &text : texts) {
        const auto prefix = IpPrefix::parse(text);
        if (!prefix)
            return std::unexpected(prefix.error());
        prefixes.push_back(*prefix);
    }
    home.locality = Locality(std::move(prefixes), {});
    return home;
}

Result<Home> find_home(const Options &options, const Config &config)
{
    if (!options.local.empty())
        return given_home(options.local);
    if (!config.local.empty()) {
        Home home{.locality = Locality(config.local, {}), .addresses = {}, .how = "as configured"};
        for (const IpPrefix &prefix : config.local)
            home.addresses.push_back(prefix.to_string());
        return home;
    }
    if (const auto host = guess_home(options.file, options.tunnels))
        return Home{.locality = Locality({}, {*host}),
                    .addresses = {host->to_string()},
                    .how = "the busiest host, because hardly any private address takes part"};
    return Home{.locality = {}, .addresses = {}, .how = "private addresses"};
}

std::uint64_t size_of(const std::string &file)
{
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    return error ? 0 : size;
}

Result<void> feed(CaptureReader &reader, Analysis &analysis, const Options &options, const Context &context)
{
    auto filter = PacketFilter::of(options.filter);
    if (!filter)
        return std::unexpected(filter.error());
    const bool lines_on_terminal = options.flows && isatty(STDOUT_FILENO);
    Progress progress(size_of(options.file), isatty(STDERR_FILENO) && !lines_on_terminal && !context.quiet);
    std::uint64_t packets = 0;
    for (CapturedPacket packet; reader.next(packet);) {
        progress.update(reader.position(), ++packets);
        if (!options.filter.empty()) {
            const auto wanted = filter->matches(packet);
            if (!wanted)
                return std::unexpected(wanted.error());
            if (!*wanted)
                continue;
        }
        analysis.add(packet);
    }
    analysis.finish();
    return {};
}

/// What was not read as it should have been; empty: nothing.
std::string damage_of(const CaptureReader &reader)
{
    std::vector<std::string> reasons;
    if (!reader.damage().empty())
        reasons.push_back(reader.damage());
    for (const std::uint32_t link_type : reader.link_types())
        if (!is_known_link(link_type))
            reasons.push_back(
                fmt::format("frames of link type {} were counted but not parsed: flowguard does not know it",
                            link_type_name(link_type)));
    return fmt::format("{}", fmt::join(reasons, "; "));
}

std::vector<std::string> names_of(const std::vector<std::uint32_t> &link_types)
{
    std::vector<std::string> names;
    for (const std::uint32_t link_type : link_types)
        names.push_back(link_type_name(link_type));
    return names;
}

void tell(const AnalysisReport &report, const Options &options, const Context &context)
{
    constexpr std::size_t printed_rows = 10;
    const ReportScope scope{.statistics = !options.incidents,
                            .rows = options.rows.value_or(context.json ? 0 : printed_rows)};
    if (!options.flows && context.json) {
        print_json(report_to_json(report, scope));
    } else if (!options.flows) {
        print_report(report, scope);
    } else if (options.incidents) {
        for (const Incident &incident : report.analysis.incidents())
            print_json(incident_to_json(incident));
    }
}

Result<void> run(const Context &context, const Options &options)
{
    const auto config = configuration(context, options);
    if (!config)
        return std::unexpected(config.error());
    auto home = find_home(options, *config);
    if (!home)
        return std::unexpected(home.error());
    auto reader = CaptureReader::open(options.file);
    if (!reader)
        return std::unexpected(reader.error());
    const Analysis *running = nullptr;
    AnalysisOptions parts{
        .detection = config->detection, .locality = home->locality, .tunnels = options.tunnels, .on_flow = {}};
    if (options.flows)
        parts.on_flow = [&](const Flow &flow) { print_json(analyzed_flow_to_json(flow, *running, home->locality)); };
    Analysis analysis(std::move(parts));
    running = &analysis;
    if (const auto ready = prepare(analysis.detection(), *config, options); !ready)
        return ready;
    if (const auto fed = feed(*reader, analysis, options, context); !fed)
        return fed;
    const std::string damage = damage_of(*reader);
    tell({.analysis = analysis,
          .home = *home,
          .file = options.file,
          .link_types = names_of(reader->link_types()),
          .damage = damage},
         options, context);
    if (!damage.empty())
        return fail(ExitCode::Failed, fmt::format("{}: {}", options.file, damage));
    return {};
}

} // namespace

Run build_analyze(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.add_option("file", options->file, "A pcap or pcapng file, gzip or not; '-' is standard input")->required();
    command.add_option("--filter", options->filter, "Only packets that match, in tcpdump's words");
    command.add_option(
        "--local", options->local,
        "Which addresses are ours, as addresses and prefixes; otherwise private ones, or the busiest host");
    command.add_option("--baseline", options->baseline, "Go on from what 'baseline export' or 'baseline learn' wrote");
    command.add_option("--feed", options->feeds, "A blacklist, as NAME=FILE or NAME=FILE,FORMAT; may be given again");
    command.add_flag("--flows", options->flows, "Print flows instead, one JSON line each, as they end");
    command.add_flag("--incidents", options->incidents, "Print incidents and no statistics");
    command.add_flag("--tunnels", options->tunnels, "Look into VXLAN, GRE, IP in IP and PPPoE");
    command.add_option("-n", options->rows, "Rows of each table; 0: all (the default with --json)")
        ->check(CLI::Range(0U, 1000000000U));
    return [options](const Context &context) { return run(context, *options); };
}

} // namespace flowguard
