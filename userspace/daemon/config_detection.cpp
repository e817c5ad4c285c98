// SPDX-License-Identifier: Apache-2.0
/* [detection] and [detectors."ID"]: what the catalogue knows can be set. */
#include "config_reader.h"

#include "flowguard/detect/catalogue.h"

#include <fmt/format.h>

namespace flowguard {
namespace {

constexpr std::int64_t megabyte = 1 << 20;

std::optional<std::string> add_feed(Config &config, const std::string &text)
{
    auto source = FeedSource::parse(text);
    if (!source)
        return source.error().message;
    config.feeds.push_back(std::move(*source));
    return {};
}

const Keys &detection_keys()
{
    static const Keys all{
        {"enabled", truth([](Config &c, bool v) { c.detect = v; })},
        {"eve_log", text("a path", [](Config &c, const std::string &v) { c.eve_log.path = v; })},
        {"eve_log_max_mb", whole_number(0, 1 << 20,
                                        [](Config &c, std::int64_t v) {
                                            c.eve_log.max_bytes = static_cast<std::uint64_t>(v * megabyte);
                                        })},
        {"eve_log_kept",
         whole_number(0, 1000, [](Config &c, std::int64_t v) { c.eve_log.kept = static_cast<unsigned>(v); })},
        {"dns_samples", whole_number(0, FG_MAX_SAMPLE_BUDGET,
                                     [](Config &c, std::int64_t v) { c.dns_samples = static_cast<std::uint32_t>(v); })},
        {"feeds", list_of("\"NAME=FILE,FORMAT\"", add_feed)},
        {"keep_incidents_days",
         whole_number(1, 3650, [](Config &c, std::int64_t v) { c.keep_incidents = std::chrono::days(v); })},
    };
    return all;
}

std::string all_ids()
{
    std::string list;
    for (const DetectorInfo *info : catalogue())
        list += fmt::format("{}{}", list.empty() ? "" : ", ", info->id);
    return list;
}

std::optional<Wrong> read_parameter(const DetectorInfo &info, std::string_view name, const toml::node &node,
                                    Config &config)
{
    /* A whole number will do where any number may stand. */
    const auto value = node.is_number() ? node.value<double>() : std::optional<double>();
    Parameters &parameters =
        config.detection.parameters.try_emplace(std::string(info.id), info.parameters).first->second;
    const auto done = parameters.set(name, value.value_or(std::nan("")));
    return done ? std::nullopt : std::optional(wrong(node, fmt::format("{}: {}", info.id, done.error().message)));
}

std::optional<Wrong> read_detector(const DetectorInfo &info, const toml::table &table, Config &config)
{
    for (const auto &[key, node] : table) {
        const std::string_view name = key;
        if (name == "enabled") {
            const auto value = node.value_exact<bool>();
            if (!value)
                return wrong(node, fmt::format("{}: 'enabled' must be true or false", info.id));
            if (!*value)
                config.detection.disabled.emplace(info.id);
        } else if (auto complaint = read_parameter(info, name, node, config)) {
            return complaint;
        }
    }
    return {};
}

} // namespace

std::optional<Wrong> read_detection(const toml::node &node, Config &config)
{
    const toml::table *table = node.as_table();
    return table ? read_table(*table, detection_keys(), config) : wrong(node, "must be a table: [detection]");
}

std::optional<Wrong> read_detectors(const toml::node &node, Config &config)
{
    const toml::table *table = node.as_table();
    if (!table)
        return wrong(node, "must be tables: [detectors.\"dos.syn_flood\"]");
    for (const auto &[id, entry] : *table) {
        const DetectorInfo *info = find_detector(std::string_view(id));
        if (!info)
            return wrong(entry, fmt::format("unknown detector '{}'; there are: {} (in quotes: [detectors.\"{}\"])",
                                            std::string_view(id), all_ids(), catalogue().front()->id));
        const toml::table *own = entry.as_table();
        if (!own)
            return wrong(entry, fmt::format("'{}' must be a table: [detectors.\"{}\"]", info->id, info->id));
        if (auto complaint = read_detector(*info, *own, config))
            return complaint;
    }
    return {};
}

std::string describe_config(const Config &config)
{
    std::string list = "[detection]\n";
    list += fmt::format("enabled = {}\neve_log = \"{}\"\neve_log_max_mb = {}\neve_log_kept = {}\ndns_samples = {}\n"
                        "keep_incidents_days = {}\n",
                        config.detect, config.eve_log.path.string(), config.eve_log.max_bytes / megabyte,
                        config.eve_log.kept, config.dns_samples, config.keep_incidents.count());
    std::vector<std::string> feeds;
    for (const FeedSource &feed : config.feeds)
        feeds.push_back(fmt::format("\"{}\"", feed.given));
    list += fmt::format("feeds = [{}]\n", fmt::join(feeds, ", "));
    for (const DetectorInfo *info : catalogue()) {
        list += fmt::format("\n# {}\n[detectors.\"{}\"]\nenabled = {}\n", info->title, info->id,
                            !config.detection.disabled.contains(info->id));
        const auto set = config.detection.parameters.find(info->id);
        const Parameters defaults(info->parameters);
        const Parameters &values = set == config.detection.parameters.end() ? defaults : set->second;
        for (const Parameter &each : info->parameters)
            list += fmt::format("{} = {} # {} to {}{}{}: {}\n", each.name, values[each.name], each.least, each.most,
                                each.unit.empty() ? "" : " ", each.unit, each.meaning);
    }
    return list;
}

} // namespace flowguard
