// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/incident_query.h"

#include "flowguard/store/incident_store.h"

#include <algorithm>
#include <set>

namespace flowguard {
namespace {

bool matches(const IncidentEntry &entry, const IncidentQuery &query)
{
    if (query.after)
        return entry.revision > *query.after;
    if (!query.id.empty())
        return entry.id.starts_with(query.id);
    return !entry.merged && (entry.open || !query.only_open) && (!query.since || entry.last >= *query.since);
}

std::string id_of(const Json &eve)
{
    const auto own = eve.find("flowguard");
    return own == eve.end() ? "" : own->value("incident_id", "");
}

/// ISO 8601 of one width: it sorts as time does.
std::string start_of(const Json &eve)
{
    const auto own = eve.find("flowguard");
    return own == eve.end() ? "" : own->value("start", "");
}

bool was_merged(const Json &eve)
{
    const auto own = eve.find("flowguard");
    return own != eve.end() && own->contains("merged_into");
}

/// Closed long ago, or by an earlier daemon.
Result<std::vector<Json>> from_database(const IncidentQuery &query, const std::filesystem::path &path)
{
    const auto database = Database::open_read_only(path);
    if (!database)
        return std::unexpected(database.error());
    const IncidentStore store(*database);
    return query.id.empty() ? store.list(query.since.value_or(0), false) : store.find(query.id);
}

} // namespace

Result<std::vector<Json>> select_incidents(const IncidentList &list, const IncidentQuery &query,
                                           const std::filesystem::path &database)
{
    std::vector<IncidentEntry> entries;
    std::set<std::string> known;
    for (const IncidentEntry &entry : list.entries) {
        known.insert(entry.id);
        if (matches(entry, query))
            entries.push_back(entry);
    }
    if (query.after)
        std::ranges::sort(entries, {}, &IncidentEntry::revision);
    std::vector<Json> selected;
    const bool elsewhere = !query.after && !query.only_open && !list.complete && !database.empty();
    if (elsewhere && (query.id.empty() || entries.empty())) {
        auto stored = from_database(query, database);
        if (!stored)
            return stored;
        for (Json &eve : *stored)
            if (!known.contains(id_of(eve)) && (!query.id.empty() || !was_merged(eve)))
                selected.push_back(std::move(eve));
    }
    for (const IncidentEntry &entry : entries)
        selected.push_back(entry.to_json());
    if (elsewhere)
        std::ranges::stable_sort(selected, {}, start_of);
    return selected;
}

} // namespace flowguard
