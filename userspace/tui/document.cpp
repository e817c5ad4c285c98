// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/document.h"

#include "flowguard/tui/options.h"
#include "flowguard/tui/text.h"

namespace flowguard {
namespace {

const Json *find(const Json &value, const char *key)
{
    if (!value.is_object())
        return nullptr;
    const auto found = value.find(key);
    return found == value.end() ? nullptr : &*found;
}

} // namespace

double number_at(const Json &value, JsonPath path)
{
    const Json *at = &value;
    for (const char *key : path)
        if (at = find(*at, key); !at)
            return 0;
    return at->is_number() ? at->get<double>() : 0;
}

bool flag_at(const Json &value, const char *key, bool absent)
{
    const Json *flag = find(value, key);
    return flag && flag->is_boolean() ? flag->get<bool>() : absent;
}

bool has(const Json &value, const char *key) { return find(value, key) != nullptr; }

std::string text_at(const Json &value, const char *key)
{
    const Json *text = find(value, key);
    return text && text->is_string() ? clean(text->get_ref<const std::string &>()) : "";
}

const Json &array_at(const Json &value, const char *key)
{
    static const Json nothing = Json::array();
    const Json *array = find(value, key);
    return array && array->is_array() ? *array : nothing;
}

const Json &rows_of(const Json &document) { return array_at(document, "rows"); }

const Json &interfaces_of(const Json &document) { return array_at(document, "interfaces"); }

TopBy view_of(const Json &document)
{
    const std::string by = text_at(document, "by");
    for (const TopBy view : {TopBy::Remote, TopBy::Local, TopBy::Service})
        if (by == view_name(view))
            return view;
    return TopBy::Flow;
}

SortBy sort_of(const Json &document)
{
    const std::string sort = text_at(document, "sort");
    for (const SortBy candidate : {SortBy::Bytes, SortBy::Packets, SortBy::Start})
        if (sort == sort_name(candidate))
            return candidate;
    return SortBy::Rate;
}

std::uint64_t tick_of(const Json &document)
{
    const Json *tick = find(document, "tick");
    return tick && tick->is_number_unsigned() ? tick->get<std::uint64_t>() : 0;
}

std::string row_identity(const Json &row)
{
    /* `ip`, `proto` and `port` tell apart what is not a flow; keys without a value keep their place. */
    std::string identity;
    for (const char *key : {"ip", "proto", "port", "src_ip", "src_port", "dest_ip", "dest_port", "icmp_type",
                            "icmp_code", "vlan", "in_iface"}) {
        if (const Json *value = find(row, key))
            identity += value->dump(-1, ' ', false, Json::error_handler_t::replace);
        identity += '|';
    }
    return identity;
}

} // namespace flowguard
