// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/incident_board.h"

#include "flowguard/detect/incident_json.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <tuple>

namespace flowguard {
namespace {

constexpr TimeNs between_changes = 10'000'000'000;

/// The other way of format_time(); 0 if it is no such text.
TimeNs parse_time(const std::string &text)
{
    std::tm moment{};
    const char *rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &moment);
    std::int64_t microseconds = 0;
    if (!rest || std::sscanf(rest, ".%6" SCNd64 "Z", &microseconds) != 1)
        return 0;
    return (static_cast<TimeNs>(timegm(&moment)) * 1'000'000 + microseconds) * 1000;
}

} // namespace

Json IncidentEntry::to_json() const
{
    Json json = *eve;
    Json &own = json["flowguard"];
    json["timestamp"] = own["last"] = format_time(last);
    own["latest"] = latest;
    own["revision"] = revision;
    return json;
}

void IncidentBoard::restore(std::vector<Json> latest, std::int64_t limit)
{
    complete_ = complete_ && static_cast<std::int64_t>(latest.size()) < limit;
    for (Json &eve : latest)
        restore(std::move(eve));
}

void IncidentBoard::restore(Json eve)
{
    const auto own = eve.find("flowguard");
    if (own == eve.end())
        return;
    const std::string id = own->value("incident_id", "");
    IncidentEntry entry{.id = id,
                        .eve = nullptr,
                        .start = parse_time(own->value("start", "")),
                        .last = parse_time(own->value("last", "")),
                        .latest = own->value("latest", own->value("observed", 0.0)),
                        .merged = own->contains("merged_into"),
                        .revision = revision_};
    entry.eve = std::make_shared<const Json>(std::move(eve));
    items_.insert_or_assign(id, Item{.entry = std::move(entry)});
    closed_.push_back(id);
    forget_closed();
}

void IncidentBoard::update(const Incident &incident)
{
    Item &item = items_[incident.id];
    item.entry = {.id = incident.id,
                  .eve = std::make_shared<const Json>(incident_to_json(incident)),
                  .start = incident.start,
                  .last = incident.last,
                  .latest = incident.latest,
                  .open = incident.open,
                  .merged = !incident.merged_into.empty(),
                  .revision = ++revision_};
    item.pending = true;
    if (!incident.open)
        closed_.push_back(incident.id);
}

void IncidentBoard::refresh(const std::vector<const Incident *> &open)
{
    for (const Incident *incident : open)
        if (const auto found = items_.find(incident->id); found != items_.end()) {
            found->second.entry.last = incident->last;
            found->second.entry.latest = incident->latest;
        }
}

std::vector<IncidentEntry> IncidentBoard::take_due(TimeNs now)
{
    std::vector<IncidentEntry> due;
    for (auto &[id, item] : items_) {
        if (!item.pending)
            continue;
        const bool lately = item.told && now >= item.told_at && now - item.told_at < between_changes;
        if (item.entry.open && lately)
            continue;
        item.pending = false;
        item.told = true;
        item.told_at = now;
        due.push_back(item.entry);
    }
    std::ranges::sort(due, {}, &IncidentEntry::revision);
    forget_closed();
    return due;
}

/// After it was told that they closed.
void IncidentBoard::forget_closed()
{
    while (closed_.size() > max_closed_) {
        const auto found = items_.find(closed_.front());
        closed_.pop_front();
        if (found != items_.end() && !found->second.entry.open)
            items_.erase(found);
        complete_ = false;
    }
}

std::shared_ptr<const IncidentList> IncidentBoard::list() const
{
    auto list = std::make_shared<IncidentList>();
    list->revision = revision_;
    list->complete = complete_;
    for (const auto &[id, item] : items_) {
        list->entries.push_back(item.entry);
        list->open += item.entry.open;
    }
    std::ranges::sort(list->entries, [](const IncidentEntry &a, const IncidentEntry &b) {
        return std::tie(a.start, a.id) < std::tie(b.start, b.id);
    });
    return list;
}

} // namespace flowguard
