// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <functional>
#include <map>

namespace flowguard {
namespace {

using Read = std::function<std::optional<std::string>(const toml::node &, Config &)>; ///< what is wrong, if anything

template <class Set> Read number(std::int64_t least, std::int64_t most, Set set)
{
    return [=](const toml::node &node, Config &config) -> std::optional<std::string> {
        const auto value = node.value_exact<std::int64_t>();
        if (!value || *value < least || *value > most)
            return fmt::format("must be a whole number from {} to {}", least, most);
        set(config, *value);
        return {};
    };
}

Read seconds(std::chrono::seconds FlowTableConfig::*member)
{
    return number(1, 7 * 86400,
                  [member](Config &config, std::int64_t value) { config.flows.*member = std::chrono::seconds(value); });
}

std::optional<std::string> read_addresses(const toml::node &node, Config &config)
{
    const toml::array *list = node.as_array();
    if (!list)
        return "must be a list of addresses";
    for (const toml::node &item : *list) {
        const auto text = item.value_exact<std::string>();
        const auto address = text ? IpAddress::parse(*text) : Result<IpAddress>(fail(ExitCode::Usage, "not a text"));
        if (!address)
            return address.error().message;
        config.protect.push_back(*address);
    }
    return {};
}

std::optional<std::string> read_interfaces(const toml::node &node, Config &config)
{
    const toml::array *list = node.as_array();
    if (!list)
        return "must be a list of interface names";
    for (const toml::node &item : *list) {
        const auto text = item.value_exact<std::string>();
        if (!text)
            return "must be a list of interface names";
        config.interfaces.push_back(*text);
    }
    return {};
}

std::optional<std::string> read_tunnels(const toml::node &node, Config &config)
{
    const auto value = node.value_exact<bool>();
    if (!value)
        return "must be true or false";
    config.tunnels = *value;
    return {};
}

std::optional<std::string> read_log_file(const toml::node &node, Config &config)
{
    const auto text = node.value_exact<std::string>();
    if (!text)
        return "must be a path";
    config.log_file = *text;
    return {};
}

const std::map<std::string, Read, std::less<>> &keys()
{
    static const std::map<std::string, Read, std::less<>> all{
        {"capacity",
         number(1, 1LL << 31, [](Config &c, std::int64_t v) { c.capacity = static_cast<std::uint32_t>(v); })},
        {"max_blocks",
         number(64, FG_MAX_BLOCKS, [](Config &c, std::int64_t v) { c.max_blocks = static_cast<std::uint32_t>(v); })},
        {"tick_ms", number(100, 1000, [](Config &c, std::int64_t v) { c.tick_ms = static_cast<unsigned>(v); })},
        {"log_file", read_log_file},
        {"protect", read_addresses},
        {"interfaces", read_interfaces},
        {"tunnels", read_tunnels},
        {"max_flows",
         number(100, 100'000'000, [](Config &c, std::int64_t v) { c.flows.max_flows = static_cast<std::size_t>(v); })},
        {"max_ended",
         number(0, 10'000'000, [](Config &c, std::int64_t v) { c.flows.max_ended = static_cast<std::size_t>(v); })},
        {"tcp_established_timeout", seconds(&FlowTableConfig::tcp_established_timeout)},
        {"idle_timeout", seconds(&FlowTableConfig::idle_timeout)},
        {"closed_timeout", seconds(&FlowTableConfig::closed_timeout)},
        {"new_timeout", seconds(&FlowTableConfig::new_timeout)},
        {"active_timeout", seconds(&FlowTableConfig::active_timeout)},
    };
    return all;
}

Error at(const std::filesystem::path &path, const toml::source_region &where, const std::string &what)
{
    return {ExitCode::Usage, fmt::format("{}:{}:{}: {}", path.string(), where.begin.line, where.begin.column, what)};
}

} // namespace

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
        for (const auto &[key, node] : table) {
            const auto known = keys().find(std::string_view(key));
            if (known == keys().end())
                return std::unexpected(at(path, node.source(), fmt::format("unknown key '{}'", std::string_view(key))));
            if (const auto wrong = known->second(node, config))
                return std::unexpected(at(path, node.source(), fmt::format("'{}' {}", std::string_view(key), *wrong)));
        }
    } catch (const toml::parse_error &error) {
        return std::unexpected(at(path, error.source(), std::string(error.description())));
    }
    return config;
}

} // namespace flowguard
