// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/baselines_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <ranges>
#include <stdexcept>

namespace flowguard {
namespace {

constexpr const char *format_name = "flowguard-baselines";
constexpr int version = 1;

Json to_json(const Usual &usual) { return {usual.location, usual.scale, usual.hours}; }

Json to_json(const Habits &habits)
{
    Json share = Json::array();
    Json bytes = Json::array();
    for (std::size_t i = 0; i < protocol_classes; i++) {
        share.push_back(to_json(habits.share[i]));
        bytes.push_back(to_json(habits.bytes[i]));
    }
    return {{"new_peers", to_json(habits.new_peers)},
            {"share", share},
            {"bytes", bytes},
            {"new_peers_now", habits.new_peers_now},
            {"bytes_now", habits.bytes_now}};
}

Json to_json(const Series &series, const Hours &known)
{
    Json json = {{"current", series.current.counts()}};
    if (!series.slots())
        return json;
    json["shift"] = series.shift();
    Json slots = Json::array();
    for (std::size_t hour = 0; hour < hours_in_week; hour++)
        if (known.test(hour))
            slots.push_back((*series.slots())[hour].packed());
    json["slots"] = std::move(slots);
    return json;
}

Json to_json(const Service &key, const BaselineEntity &entity)
{
    Json hours = Json::array();
    for (std::size_t hour = 0; hour < hours_in_week; hour++)
        if (entity.known.test(hour))
            hours.push_back(hour);
    Json series = Json::object();
    for (std::size_t i = 0; i < quantities; i++)
        series[quantity_name(i)] = to_json(entity.series[i], entity.known);
    Json json = {{"host", key.address.to_string()},
                 {"port", key.port},
                 {"proto", key.proto},
                 {"hour", entity.hour},
                 {"watched", entity.watched},
                 {"clock", entity.clock},
                 {"active", entity.active},
                 {"hours", std::move(hours)},
                 {"series", std::move(series)}};
    if (entity.habits)
        json["habits"] = to_json(*entity.habits);
    return json;
}

std::string to_hex(const Knowledge::PeerHash &peer)
{
    return fmt::format("{:04x}{:04x}{:04x}{:04x}", peer[0], peer[1], peer[2], peer[3]);
}

template <class Key, class Describe> Json to_json(const Remembered<Key> &set, Describe describe)
{
    std::vector<std::pair<Key, WatchDay>> list(set.begin(), set.end());
    std::ranges::sort(list);
    Json json = Json::array();
    for (const auto &[key, day] : list) {
        Json item = describe(key);
        item.push_back(day);
        json.push_back(std::move(item));
    }
    return json;
}

/* Reading: whatever is not as it should be is thrown, here or by the library, and caught in one place below. */

template <class Number> Number number(const Json &json)
{
    if (!json.is_number_integer())
        throw std::invalid_argument("a whole number was expected");
    const bool negative = !json.is_number_unsigned() && json.get<std::int64_t>() < 0;
    if (negative ? json.get<std::int64_t>() < static_cast<std::int64_t>(std::numeric_limits<Number>::min())
                 : json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
        throw std::invalid_argument(fmt::format("{} is out of range", json.dump()));
    return json.get<Number>();
}

const Json::array_t &list_of(const Json &json, std::size_t least, std::size_t most)
{
    if (!json.is_array() || json.size() < least || json.size() > most)
        throw std::invalid_argument(fmt::format("a list of {} to {} items was expected", least, most));
    return json.get_ref<const Json::array_t &>();
}

IpAddress address(const Json &json)
{
    const auto parsed = IpAddress::parse(json.get_ref<const std::string &>());
    if (!parsed)
        throw std::invalid_argument(parsed.error().message);
    return *parsed;
}

Usual usual(const Json &json)
{
    list_of(json, 3, 3);
    return {.location = json[0].get<float>(), .scale = json[1].get<float>(), .hours = number<std::uint32_t>(json[2])};
}

void read(const Json &json, Habits &habits)
{
    habits.new_peers = usual(json.at("new_peers"));
    habits.new_peers_now = number<std::uint32_t>(json.at("new_peers_now"));
    const Json::array_t &share = list_of(json.at("share"), protocol_classes, protocol_classes);
    const Json::array_t &bytes = list_of(json.at("bytes"), protocol_classes, protocol_classes);
    const Json::array_t &now = list_of(json.at("bytes_now"), protocol_classes, protocol_classes);
    for (std::size_t i = 0; i < protocol_classes; i++) {
        habits.share[i] = usual(share[i]);
        habits.bytes[i] = usual(bytes[i]);
        habits.bytes_now[i] = number<std::uint64_t>(now[i]);
    }
}

void read(const Json &json, Series &series, const Hours &known)
{
    std::vector<std::uint16_t> counts;
    for (const Json &each : list_of(json.at("current"), 0, Histogram::max_buckets - 1))
        counts.push_back(number<std::uint16_t>(each));
    series.current.set_counts(std::move(counts));
    if (!json.contains("slots"))
        return;
    const Json::array_t &packed = list_of(json.at("slots"), known.count(), known.count());
    Series::Slots slots;
    std::size_t next = 0;
    for (std::size_t hour = 0; hour < hours_in_week; hour++)
        if (known.test(hour)) {
            slots[hour] = Slot(number<std::uint16_t>(packed[next++]));
            if (!slots[hour].learnt())
                throw std::invalid_argument("a slot is empty");
        }
    series.restore(&slots, json.at("shift").get<float>(), known);
}

void read_entity(const Json &json, BaselineState &state)
{
    const Service key{address(json.at("host")), number<std::uint16_t>(json.at("port")),
                      number<std::uint16_t>(json.at("proto"))};
    BaselineEntity *entity = state.find(key) ? nullptr : state.obtain(key);
    if (!entity)
        throw std::invalid_argument(
            fmt::format("there are too many hosts or services, or {} is there twice", key.address.to_string()));
    entity->hour = number<std::int64_t>(json.at("hour"));
    entity->watched = number<std::uint32_t>(json.at("watched"));
    entity->clock = number<std::uint64_t>(json.at("clock"));
    entity->active = number<std::uint64_t>(json.at("active"));
    for (const Json &hour : list_of(json.at("hours"), 0, hours_in_week))
        entity->known.set(number<std::size_t>(hour)); /* throws if there is no such hour */
    for (std::size_t i = 0; i < quantities; i++)
        read(json.at("series").at(quantity_name(i)), entity->series[i], entity->known);
    if (entity->habits && json.contains("habits"))
        read(json.at("habits"), *entity->habits);
}

Knowledge::PeerHash peer_hash(const Json &json)
{
    const auto &text = json.get_ref<const std::string &>();
    if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
        throw std::invalid_argument("a peer is 16 hexadecimal digits");
    Knowledge::PeerHash peer{};
    for (std::size_t i = 0; i < peer.size(); i++)
        peer[i] = static_cast<std::uint16_t>(std::stoul(text.substr(i * 4, 4), nullptr, 16));
    return peer;
}

template <class Key, class Parse> void read(const Json &json, Remembered<Key> &set, std::size_t fields, Parse parse)
{
    for (const Json &item : list_of(json, 0, set.cap())) {
        list_of(item, fields + 1, fields + 1);
        set.note(parse(item), number<WatchDay>(item[fields]));
    }
}

void read(const Json &json, BaselineState &state)
{
    state.trusted = json.at("trusted").get<bool>();
    state.clock = number<std::uint64_t>(json.at("clock"));
    state.hour = number<std::int64_t>(json.at("hour"));
    state.hour_began = number<std::uint64_t>(json.at("hour_began"));
    read(json.at("peers"), state.knowledge.peers, 1, [](const Json &item) { return peer_hash(item[0]); });
    read(json.at("remote_ports"), state.knowledge.remote_ports, 2, [](const Json &item) {
        return Knowledge::Port{number<std::uint16_t>(item[1]), number<std::uint16_t>(item[0])};
    });
    read(json.at("services"), state.knowledge.services, 3, [](const Json &item) {
        return Service{address(item[0]), number<std::uint16_t>(item[2]), number<std::uint16_t>(item[1])};
    });
    for (const Json &entity : list_of(json.at("entities"), 0, BaselineState::max_hosts + BaselineState::max_services))
        read_entity(entity, state);
}

} // namespace

Json baselines_to_json(const Baselines &baselines)
{
    const BaselineState &state = baselines.state();
    Json entities = Json::array();
    for (const auto &[key, entity] : sorted_entities(state))
        entities.push_back(to_json(key, *entity));
    return {
        {"format", format_name},
        {"version", version},
        {"trusted", state.trusted},
        {"clock", state.clock},
        {"hour", state.hour},
        {"hour_began", state.hour_began},
        {"entities", std::move(entities)},
        {"remote_ports", to_json(state.knowledge.remote_ports,
                                 [](const Knowledge::Port &port) {
                                     return Json{port.proto, port.port};
                                 })},
        {"services", to_json(state.knowledge.services,
                             [](const Service &service) {
                                 return Json{service.address.to_string(), service.proto, service.port};
                             })},
        {"peers", to_json(state.knowledge.peers, [](const Knowledge::PeerHash &peer) { return Json{to_hex(peer)}; })}};
}

Result<Baselines> baselines_from_json(const Json &json)
{
    if (!json.is_object() || json.value("format", Json()) != format_name)
        return fail(ExitCode::Failed,
                    "these are no baselines; 'flowguard baseline export' writes some that can be read");
    if (json.value("version", Json()) != version)
        return fail(ExitCode::Failed, "these baselines were exported by another version of flowguard");
    Baselines baselines;
    try {
        read(json, baselines.state());
    } catch (const std::exception &error) {
        return fail(ExitCode::Failed, fmt::format("these baselines are damaged: {}", error.what()));
    }
    if (auto sound = check_baselines(baselines.state()); !sound)
        return std::unexpected(sound.error());
    return baselines;
}

} // namespace flowguard
