// SPDX-License-Identifier: Apache-2.0
#include "flowguard/store/incident_store.h"

#include <algorithm>

namespace flowguard {
namespace {

std::string text_of(const Json &json, const char *name)
{
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json &object_of(const Json &json, const char *name)
{
    static const Json none = Json::object();
    const auto found = json.find(name);
    return found != json.end() && found->is_object() ? *found : none;
}

std::string dump(const Json &json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Each row's column 0 as JSON.
Result<std::vector<Json>> read_all(Statement statement)
{
    std::vector<Json> list;
    for (;;) {
        const auto row = statement.step();
        if (!row)
            return std::unexpected(row.error());
        if (!*row)
            return list;
        if (Json json = Json::parse(statement.bytes(0), nullptr, false); !json.is_discarded())
            list.push_back(std::move(json));
    }
}

} // namespace

Result<void> IncidentStore::put(const Json &eve, TimeNs start, TimeNs last, const std::string &id, bool open) const
{
    const auto severity = object_of(eve, "alert").find("severity");
    const bool rated = severity != object_of(eve, "alert").end() && severity->is_number();
    return database_
        .prepare("INSERT OR REPLACE INTO incident (id, start, last, open, detector, severity, source, target, eve)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind_text(id)
        .bind(start)
        .bind(last)
        .bind(open ? 1 : 0)
        .bind_text(text_of(object_of(eve, "flowguard"), "detector"))
        .bind(rated ? severity->get<std::int64_t>() : 0)
        .bind_text(text_of(eve, "src_ip"))
        .bind_text(text_of(eve, "dest_ip"))
        .bind_text(dump(eve))
        .run();
}

Result<std::vector<Json>> IncidentStore::list(TimeNs since, bool only_open, std::int64_t limit) const
{
    auto statement = database_.prepare("SELECT eve FROM incident WHERE last >= ? AND (open OR NOT ?)"
                                       " ORDER BY start DESC, id DESC LIMIT ?");
    statement.bind(since).bind(only_open ? 1 : 0).bind(limit);
    auto rows = read_all(std::move(statement));
    if (rows)
        std::ranges::reverse(*rows);
    return rows;
}

Result<std::vector<Json>> IncidentStore::find(const std::string &id) const
{
    constexpr std::int64_t more_than_one_can_mean = 100;
    auto statement = database_.prepare("SELECT eve FROM incident WHERE substr(id, 1, length(?1)) = ?1"
                                       " ORDER BY start, id LIMIT ?2");
    statement.bind_text(id).bind(more_than_one_can_mean);
    return read_all(std::move(statement));
}

Result<std::int64_t> IncidentStore::close_left_open() const
{
    if (auto done = database_.execute("UPDATE incident SET open = 0, eve = json_set(eve, '$.flowguard.state', 'closed')"
                                      " WHERE open");
        !done)
        return std::unexpected(done.error());
    return database_.changes();
}

Result<std::int64_t> IncidentStore::prune(TimeNs oldest, std::int64_t max_rows) const
{
    auto transaction = Transaction::begin(database_);
    if (!transaction)
        return std::unexpected(transaction.error());
    if (auto done = database_.prepare("DELETE FROM incident WHERE last < ? AND NOT open").bind(oldest).run(); !done)
        return std::unexpected(done.error());
    const std::int64_t old = database_.changes();
    auto surplus = database_.prepare("DELETE FROM incident WHERE id IN"
                                     " (SELECT id FROM incident ORDER BY last DESC, id LIMIT -1 OFFSET ?)");
    if (auto done = surplus.bind(max_rows).run(); !done)
        return std::unexpected(done.error());
    const std::int64_t more = database_.changes();
    if (auto done = transaction->commit(); !done)
        return std::unexpected(done.error());
    return old + more;
}

} // namespace flowguard
