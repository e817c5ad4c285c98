// SPDX-License-Identifier: Apache-2.0
/* How keys of the configuration are read. */
#pragma once

#include "flowguard/daemon/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace flowguard {

/// What is wrong, and where.
struct Wrong {
    std::string what;
    toml::source_region where;
};

/// Reads one key's value; says what is wrong with it, if anything.
using Read = std::function<std::optional<Wrong>(const toml::node &, Config &)>;
using Keys = std::map<std::string, Read, std::less<>>;

/// Each key of `table` by its reader.
std::optional<Wrong> read_table(const toml::table &table, const Keys &keys, Config &config);

inline Wrong wrong(const toml::node &node, std::string what) { return {std::move(what), node.source()}; }

template <class Set> Read whole_number(std::int64_t least, std::int64_t most, Set set)
{
    return [=](const toml::node &node, Config &config) -> std::optional<Wrong> {
        const auto value = node.value_exact<std::int64_t>();
        if (!value || *value < least || *value > most)
            return wrong(node, fmt::format("must be a whole number from {} to {}", least, most));
        set(config, *value);
        return {};
    };
}

template <class Set> Read text(const char *kind, Set set)
{
    return [=](const toml::node &node, Config &config) -> std::optional<Wrong> {
        const auto value = node.value_exact<std::string>();
        if (!value)
            return wrong(node, fmt::format("must be {}", kind));
        set(config, *value);
        return {};
    };
}

template <class Set> Read truth(Set set)
{
    return [=](const toml::node &node, Config &config) -> std::optional<Wrong> {
        const auto value = node.value_exact<bool>();
        if (!value)
            return wrong(node, "must be true or false");
        set(config, *value);
        return {};
    };
}

/// `add(config, text)` returns what is wrong with one item, if anything.
template <class Add> Read list_of(const char *kind, Add add)
{
    return [=](const toml::node &node, Config &config) -> std::optional<Wrong> {
        const toml::array *list = node.as_array();
        if (!list)
            return wrong(node, fmt::format("must be a list of {}", kind));
        for (const toml::node &item : *list) {
            const auto value = item.value_exact<std::string>();
            if (!value)
                return wrong(node, fmt::format("must be a list of {}", kind));
            if (const std::optional<std::string> complaint = add(config, *value))
                return wrong(node, *complaint);
        }
        return {};
    };
}

/// [detection]
std::optional<Wrong> read_detection(const toml::node &node, Config &config);
/// [detectors."ID"]
std::optional<Wrong> read_detectors(const toml::node &node, Config &config);

} // namespace flowguard
