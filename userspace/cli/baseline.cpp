// SPDX-License-Identifier: Apache-2.0
/* baseline: what is normal here, as the daemon saves it. It is changed while no daemon runs: that one would overwrite it. */
#include "flowguard/capture/analysis.h"
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/core/protocols.h"
#include "flowguard/daemon/config.h"
#include "flowguard/daemon/instance_lock.h"
#include "flowguard/store/baseline_file.h"
#include "flowguard/store/baseline_store.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace flowguard {
namespace {

struct Options {
    std::string state;
    std::string file;
    std::string output;
    std::string host;
    std::vector<std::string> local;
    std::size_t limit = 20;
    bool dry_run = false;
};

TimeNs now()
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

const char *name_of(Maturity maturity)
{
    return maturity == Maturity::Ready ? "ready" : maturity == Maturity::Warming ? "warming" : "none";
}

/// Where the instance's daemon keeps its state.
Result<std::filesystem::path> own_state(const Context &context)
{
    const auto config = load_config(context.config.value_or(context.paths.config), context.config.has_value());
    if (!config)
        return std::unexpected(config.error());
    return config->state_dir.empty() ? context.paths.state : config->state_dir / "state.db";
}

Result<std::filesystem::path> state_path(const Context &context, const Options &options)
{
    return options.state.empty() ? own_state(context) : std::filesystem::path(options.state);
}

bool is_same_file(const std::filesystem::path &a, const std::filesystem::path &b)
{
    std::error_code ignored;
    return a == b || std::filesystem::equivalent(a, b, ignored);
}

Result<Baselines> restore(const BaselineStore &store)
{
    const auto saved = store.load();
    if (!saved)
        return std::unexpected(saved.error());
    return *saved ? decode_baselines((*saved)->encoded) : Baselines();
}

/// The database of the instance, with its lock, so that no daemon starts meanwhile.
class OwnState {
  public:
    static Result<OwnState> open(const Context &context, const Options &options)
    {
        const auto own = own_state(context);
        const auto path = state_path(context, options);
        if (!own || !path)
            return std::unexpected((own ? path : own).error());
        std::optional<InstanceLock> lock;
        if (is_same_file(*path, *own)) {
            auto taken = InstanceLock::take(context.paths.lock);
            if (!taken && taken.error().code == ExitCode::Failed)
                return fail(ExitCode::Failed,
                            fmt::format("the daemon saves its baselines each minute and would overwrite "
                                        "the change: {}",
                                        taken.error().message));
            if (!taken)
                return std::unexpected(taken.error());
            lock = std::move(*taken);
        }
        auto database = Database::open(*path, now());
        if (!database)
            return std::unexpected(database.error());
        if (!database->remark().empty())
            fmt::print(stderr, "flowguard: {}\n", database->remark());
        return OwnState(context, std::move(*database), std::move(lock));
    }

    Result<Baselines> load() const { return restore(BaselineStore(database_)); }
    Result<void> save(const Baselines &baselines) const
    {
        return BaselineStore(database_).save(encode_baselines(baselines), now());
    }
    Result<void> reset() const { return BaselineStore(database_).reset(); }

    /// The lock file goes while it is held, as the daemon does it.
    ~OwnState()
    {
        if (!lock_)
            return;
        std::error_code ignored;
        std::filesystem::remove(paths_.lock, ignored);
        paths_.remove_empty_directories();
    }
    OwnState(OwnState &&other) noexcept
        : paths_(std::move(other.paths_)),
          database_(std::move(other.database_)),
          lock_(std::exchange(other.lock_, {}))
    {
    }
    OwnState &operator=(OwnState &&) = delete;

  private:
    OwnState(const Context &context, Database database, std::optional<InstanceLock> lock)
        : paths_(context.paths),
          database_(std::move(database)),
          lock_(std::move(lock))
    {
    }

    InstancePaths paths_;
    Database database_;
    std::optional<InstanceLock> lock_;
};

Result<Baselines> read_state(const Context &context, const Options &options)
{
    const auto path = state_path(context, options);
    if (!path)
        return std::unexpected(path.error());
    const auto database = Database::open_read_only(*path);
    if (!database)
        return std::unexpected(database.error());
    return restore(BaselineStore(*database));
}

const char *kind_of(const Service &key)
{
    if (key.proto != 0)
        return "service";
    return key.address == IpAddress() ? "all" : "host";
}

std::array<Forecast, quantities> forecasts(const Baselines &baselines, const Service &key)
{
    std::array<Forecast, quantities> list;
    for (std::size_t i = 0; i < quantities; i++)
        list[i] = baselines.forecast({.host = key.address,
                                      .port = key.port,
                                      .proto = static_cast<std::uint8_t>(key.proto),
                                      .quantity = static_cast<Quantity>(i)},
                                     now());
    return list;
}

Json entity_to_json(const Baselines &baselines, const Service &key, const BaselineEntity &entity)
{
    Json json = {{"kind", kind_of(key)}};
    if (key.address != IpAddress())
        json["ip"] = key.address.to_string();
    if (key.proto != 0) {
        json["proto"] = protocol_name(static_cast<std::uint8_t>(key.proto));
        json["port"] = key.port;
    }
    const auto list = forecasts(baselines, key);
    json["maturity"] = name_of(list[0].maturity);
    json["hours"] = entity.known.count();
    for (std::size_t i = 0; i < quantities; i++)
        json["expected"][quantity_name(i)] = {
            {"value", list[i].expected()}, {"location", list[i].location}, {"scale", list[i].scale}};
    if (entity.habits)
        json["new_peers_per_hour"] = std::expm1(entity.habits->new_peers.location);
    return json;
}

Json to_json(const Baselines &baselines)
{
    const BaselineState &state = baselines.state();
    Json entities = Json::array();
    for (const auto &[key, entity] : sorted_entities(state))
        entities.push_back(entity_to_json(baselines, key, *entity));
    return {{"watched_seconds", state.clock},
            {"knowledge", name_of(baselines.knowledge())},
            {"peers", state.knowledge.peers.size()},
            {"remote_ports", state.knowledge.remote_ports.size()},
            {"services", state.knowledge.services.size()},
            {"memory_bytes", baselines.memory()},
            {"entities", entities}};
}

std::string name_of(const Service &key)
{
    if (key.proto == 0)
        return key.address == IpAddress() ? "all traffic" : key.address.to_string();
    const std::string address = key.address.to_string();
    return fmt::format("{} {}/{}", address, protocol_name(static_cast<std::uint8_t>(key.proto)), key.port);
}

void print(const Baselines &baselines, std::size_t limit)
{
    const BaselineState &state = baselines.state();
    print_line(fmt::format("watched for {}; what is new is {}", format_duration(static_cast<double>(state.clock)),
                           baselines.knowledge() == Maturity::Ready
                               ? "known"
                               : "not known yet: that takes a day, or 'flowguard baseline learn FILE'"));
    print_line(fmt::format("{} peers, {} remote ports, {} services known", grouped(state.knowledge.peers.size()),
                           grouped(state.knowledge.remote_ports.size()), grouped(state.knowledge.services.size())));
    Table table({{"EXPECTED NOW"},
                 {"MATURITY"},
                 {"HOURS", Align::Right},
                 {"IN", Align::Right},
                 {"OUT", Align::Right},
                 {"PKT/S IN", Align::Right},
                 {"PKT/S OUT", Align::Right},
                 {"FLOWS/S IN", Align::Right},
                 {"FLOWS/S OUT", Align::Right}});
    const auto entities = sorted_entities(state);
    std::size_t rows = 0;
    for (const auto &[key, entity] : entities) {
        if (limit != 0 && rows++ == limit)
            break;
        const auto list = forecasts(baselines, key);
        table.add({name_of(key), name_of(list[0].maturity), std::to_string(entity->known.count()),
                   format_rate(list[0].expected(), RateUnit::Bits), format_rate(list[1].expected(), RateUnit::Bits),
                   fmt::format("{:.1f}", list[2].expected()), fmt::format("{:.1f}", list[3].expected()),
                   fmt::format("{:.1f}", list[4].expected()), fmt::format("{:.1f}", list[5].expected())});
    }
    if (entities.empty())
        return print_line("no traffic was learnt yet");
    table.print();
    if (limit != 0 && entities.size() > limit)
        print_line(fmt::format("the first {} of {}; '-n 0' lists all", limit, grouped(entities.size())));
}

Result<void> run_show(const Context &context, const Options &options)
{
    const auto baselines = read_state(context, options);
    if (!baselines)
        return std::unexpected(baselines.error());
    if (context.json)
        print_json(to_json(*baselines));
    else
        print(*baselines, options.limit);
    return {};
}

Result<void> run_export(const Context &context, const Options &options)
{
    const auto baselines = read_state(context, options);
    if (!baselines)
        return std::unexpected(baselines.error());
    if (!options.output.empty() && options.output != "-")
        return write_baselines(options.output, *baselines);
    print_json(baselines_to_json(*baselines));
    return {};
}

void report(const Context &context, const Json &json, const std::string &sentence)
{
    if (context.json)
        print_json(json);
    else if (!context.quiet)
        print_line(sentence);
}

Result<void> run_import(const Context &context, const Options &options)
{
    const auto baselines = read_baselines(options.file);
    if (!baselines)
        return std::unexpected(baselines.error());
    const auto state = OwnState::open(context, options);
    if (!state)
        return std::unexpected(state.error());
    if (auto saved = state->save(*baselines); !saved)
        return saved;
    report(
        context, {{"changed", true}, {"entities", baselines->state().entities.size()}},
        fmt::format("imported what is normal for {} hosts and services", grouped(baselines->state().entities.size())));
    return {};
}

bool forget(Baselines &baselines, const std::optional<IpAddress> &host)
{
    return host ? baselines.reset(*host) : baselines.state().clock > 0;
}

/// Reads, and no more: nothing is made, mended or locked.
Result<bool> would_reset(const Context &context, const Options &options, const std::optional<IpAddress> &host)
{
    auto baselines = read_state(context, options);
    if (!baselines && baselines.error().code == ExitCode::NotRunning)
        return false; /* there is no database yet */
    if (!baselines)
        return std::unexpected(baselines.error());
    return forget(*baselines, host);
}

/// True if there was something to forget.
Result<bool> reset(const Context &context, const Options &options, const std::optional<IpAddress> &host)
{
    const auto state = OwnState::open(context, options);
    if (!state)
        return std::unexpected(state.error());
    auto baselines = state->load();
    if (!baselines && host)
        return std::unexpected(baselines.error());
    const bool changed = !baselines || forget(*baselines, host);
    if (changed)
        if (auto done = host ? state->save(*baselines) : state->reset(); !done)
            return std::unexpected(done.error());
    return changed;
}

Result<void> run_reset(const Context &context, const Options &options)
{
    std::optional<IpAddress> host;
    if (!options.host.empty()) {
        const auto parsed = IpAddress::parse(options.host);
        if (!parsed)
            return std::unexpected(parsed.error());
        host = *parsed;
    }
    const auto changed = options.dry_run ? would_reset(context, options, host) : reset(context, options, host);
    if (!changed)
        return std::unexpected(changed.error());
    const std::string what = host ? options.host : "everything";
    report(context, {{"changed", *changed}, {"dry_run", options.dry_run}},
           !*changed         ? fmt::format("nothing was known{}", host ? " of " + what : "")
           : options.dry_run ? fmt::format("would forget what is normal for {}", what)
                             : fmt::format("forgot what is normal for {}", what));
    return {};
}

/// Adds what a capture shows to `baselines`. Damage is an error only if nothing could be read before it.
Result<Json> learn(const Options &options, Baselines &baselines)
{
    auto reader = CaptureReader::open(options.file);
    if (!reader)
        return std::unexpected(reader.error());
    std::vector<IpPrefix> prefixes;
    for (const std::string &text : options.local) {
        auto prefix = IpPrefix::parse(text);
        if (!prefix)
            return std::unexpected(prefix.error());
        prefixes.push_back(*prefix);
    }
    Analysis analysis({}, Locality(std::move(prefixes), {}));
    const std::uint64_t before = baselines.state().clock;
    analysis.detection().restore(std::move(baselines));
    for (CapturedPacket packet; reader->next(packet);)
        analysis.add(packet);
    analysis.finish();
    baselines = std::move(analysis.detection().baselines());
    baselines.trust();
    if (!reader->damage().empty())
        fmt::print(stderr, "flowguard: {}\n", reader->damage());
    if (analysis.packets() == 0)
        return fail(ExitCode::Failed, fmt::format("{} has no packets to learn from", options.file));
    return Json{{"packets", analysis.packets()},
                {"seconds", baselines.state().clock - before},
                {"incidents", analysis.incidents().size()},
                {"knowledge", name_of(baselines.knowledge())},
                {"entities", baselines.state().entities.size()}};
}

std::string describe(const Json &learnt)
{
    std::string text = fmt::format(
        "learnt {} of {} packets: {} hosts and services", format_duration(learnt.value("seconds", 0.0)),
        grouped(learnt.value("packets", std::uint64_t{0})), grouped(learnt.value("entities", std::uint64_t{0})));
    if (const auto incidents = learnt.value("incidents", std::uint64_t{0}); incidents > 0)
        text += fmt::format(
            "; {} incident{} in it, whose hosts were left out meanwhile ('flowguard analyze' names them)", incidents,
            incidents == 1 ? "" : "s");
    if (learnt.value("knowledge", "") != "ready")
        text += "; less than an hour is known, so nothing is called new yet";
    return text;
}

Result<void> run_learn(const Context &context, const Options &options)
{
    if (!options.output.empty()) {
        Baselines baselines;
        const auto learnt = learn(options, baselines);
        if (!learnt)
            return std::unexpected(learnt.error());
        if (auto written = write_baselines(options.output, baselines); !written)
            return written;
        report(context, *learnt, describe(*learnt));
        return {};
    }
    const auto state = OwnState::open(context, options);
    if (!state)
        return std::unexpected(state.error());
    auto baselines = state->load();
    if (!baselines)
        return std::unexpected(baselines.error());
    const auto learnt = learn(options, *baselines);
    if (!learnt)
        return std::unexpected(learnt.error());
    if (auto saved = state->save(*baselines); !saved)
        return saved;
    report(context, *learnt, describe(*learnt));
    return {};
}

CLI::App *add(CLI::App &command, Options &options, const char *name, const char *summary)
{
    CLI::App *sub = command.add_subcommand(name, summary);
    sub->add_option("--state", options.state, "This database instead of the instance's");
    return sub;
}

} // namespace

Run build_baseline(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.require_subcommand(1);
    CLI::App *show = add(command, *options, "show", "What is expected now, and what is known");
    show->add_option("-n", options->limit, "Rows; 0: all")->capture_default_str();
    CLI::App *reset = add(command, *options, "reset", "Forget what is normal");
    reset->add_option("--host", options->host, "Only of this host of ours");
    reset->add_flag("--dry-run", options->dry_run, "Say what would be done");
    CLI::App *save = add(command, *options, "export", "Write it as JSON");
    save->add_option("-o,--output", options->output, "Into this file instead of to standard output");
    CLI::App *load = add(command, *options, "import", "Replace it by what was exported");
    load->add_option("file", options->file, "What 'baseline export' wrote")->required();
    CLI::App *learn = add(command, *options, "learn", "Learn from a capture of normal traffic, of hours at best");
    learn->add_option("file", options->file, "A pcap or pcapng file")->required();
    learn->add_option("-o,--output", options->output,
                      "Write it to this file, for 'analyze --baseline', and leave the instance's alone");
    learn->add_option("--local", options->local, "Which addresses are ours");
    return [=](const Context &context) -> Result<void> {
        if (show->parsed())
            return run_show(context, *options);
        if (reset->parsed())
            return run_reset(context, *options);
        if (save->parsed())
            return run_export(context, *options);
        return load->parsed() ? run_import(context, *options) : run_learn(context, *options);
    };
}

} // namespace flowguard
