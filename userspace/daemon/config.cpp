// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/config.h"

#include "config_reader.h"

namespace flowguard {
namespace {

using Complaint = std::optional<std::string>;

Read seconds(std::chrono::seconds FlowTableConfig::*member)
{
    return whole_number(1, 7 * 86400, [member](Config &config, std::int64_t value) {
        config.flows.*member = std::chrono::seconds(value);
    });
}

Complaint add_protected(Config &config, const std::string &text)
{
    const auto address = IpAddress::parse(text);
    if (!address)
        return address.error().message;
    config.protect.push_back(*address);
    return {};
}

Complaint add_local(Config &config, const std::string &text)
{
    const auto prefix = IpPrefix::parse(text);
    if (!prefix)
        return prefix.error().message;
    config.local.push_back(*prefix);
    return {};
}

Complaint add_interface(Config &config, const std::string &text)
{
    config.interfaces.push_back(text);
    return {};
}

const Keys &keys()
{
    static const Keys all{
        {"capacity",
         whole_number(1, 1LL << 31, [](Config &c, std::int64_t v) { c.capacity = static_cast<std::uint32_t>(v); })},
        {"max_blocks", whole_number(64, FG_MAX_BLOCKS,
                                    [](Config &c, std::int64_t v) { c.max_blocks = static_cast<std::uint32_t>(v); })},
        {"tick_ms", whole_number(100, 1000, [](Config &c, std::int64_t v) { c.tick_ms = static_cast<unsigned>(v); })},
        {"log_file", text("a path", [](Config &c, const std::string &v) { c.log_file = v; })},
        {"state_dir", text("a path", [](Config &c, const std::string &v) { c.state_dir = v; })},
        {"protect", list_of("addresses", add_protected)},
        {"interfaces", list_of("interface names", add_interface)},
        {"local", list_of("addresses or prefixes", add_local)},
        {"tunnels", truth([](Config &c, bool v) { c.tunnels = v; })},
        {"max_flows", whole_number(100, 100'000'000,
                                   [](Config &c, std::int64_t v) { c.flows.max_flows = static_cast<std::size_t>(v); })},
        {"max_ended", whole_number(0, 10'000'000,
                                   [](Config &c, std::int64_t v) { c.flows.max_ended = static_cast<std::size_t>(v); })},
        {"tcp_established_timeout", seconds(&FlowTableConfig::tcp_established_timeout)},
        {"idle_timeout", seconds(&FlowTableConfig::idle_timeout)},
        {"closed_timeout", seconds(&FlowTableConfig::closed_timeout)},
        {"new_timeout", seconds(&FlowTableConfig::new_timeout)},
        {"active_timeout", seconds(&FlowTableConfig::active_timeout)},
        {"detection", read_detection},
        {"detectors", read_detectors},
    };
    return all;
}

Error at(const std::filesystem::path &path, const toml::source_region &where, const std::string &what)
{
    return {ExitCode::Usage, fmt::format("{}:{}:{}: {}", path.string(), where.begin.line, where.begin.column, what)};
}

} // namespace

std::optional<Wrong> read_table(const toml::table &table, const Keys &known, Config &config)
{
    for (const auto &[key, node] : table) {
        const auto found = known.find(std::string_view(key));
        if (found == known.end())
            return wrong(node, fmt::format("unknown key '{}'", std::string_view(key)));
        if (auto complaint = found->second(node, config)) {
            /* What a table says is about a key of its own. */
            if (!node.is_table())
                complaint->what = fmt::format("'{}' {}", std::string_view(key), complaint->what);
            return complaint;
        }
    }
    return {};
}

Result<Config> load_config(const std::filesystem::path &path, bool required)
{
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        if (required)
            return fail(ExitCode::Usage, fmt::format("there is no configuration file {}", path.string()));
        return Config{};
    }
    Config config;
    try {
        const toml::table table = toml::parse_file(path.string());
        if (const auto complaint = read_table(table, keys(), config))
            return std::unexpected(at(path, complaint->where, complaint->what));
    } catch (const toml::parse_error &error) {
        return std::unexpected(at(path, error.source(), std::string(error.description())));
    }
    return config;
}

} // namespace flowguard
