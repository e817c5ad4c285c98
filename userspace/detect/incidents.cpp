// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/incidents.h"

#include "flowguard/detect/catalogue.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace flowguard {
namespace {

using namespace std::chrono_literals;

/// An effect that was found so long before what the cause rests on began is not its effect.
constexpr TimeNs most_lead = std::chrono::nanoseconds(5min).count();

std::string make_id(const Finding &finding, TimeNs opened)
{
    const auto text = [](const auto &value) { return value ? fmt::format("{}", *value) : "-"; };
    const auto name = [](const auto &address) { return address ? address->to_string() : "-"; };
    const Subject &about = finding.subject;
    const std::string key = fmt::format("{} {} {} {} {} {}", finding.detector, name(about.source), name(about.target),
                                        text(about.proto), text(about.port), opened);
    return fmt::format("{:016x}", XXH3_64bits(key.data(), key.size()));
}

bool matches(std::string_view pattern, std::string_view detector)
{
    return pattern.ends_with('.') ? detector.starts_with(pattern) : detector == pattern;
}

/// A source that does the same to many, and what it does to one of them.
bool is_wider(const Subject &wide, const Subject &narrow)
{
    return wide.source && !wide.target && narrow.target && narrow.source == wide.source;
}

bool explains(const DetectorInfo &strong, const Finding &cause, const Finding &weak)
{
    return std::ranges::any_of(strong.explains, [&](auto each) { return matches(each, weak.detector); }) &&
           (strong.id != weak.detector || is_wider(cause.subject, weak.subject));
}

/// Both are about one host: the same attacker or the same victim, or the victim of one answers as the other's source.
bool same_hosts(const Subject &a, const Subject &b)
{
    const auto same = [](const auto &x, const auto &y) { return x && y && *x == *y; };
    if (a.source && b.source && a.target && b.target)
        return (*a.source == *b.source && *a.target == *b.target) || (*a.source == *b.target && *a.target == *b.source);
    return same(a.source, b.source) || same(a.target, b.target) || same(a.target, b.source) || same(a.source, b.target);
}

std::chrono::nanoseconds hold(const Finding &finding)
{
    const DetectorInfo *info = find_detector(finding.detector);
    return info ? info->hold : 60s;
}

bool is_related(const Incident &incident, std::string_view detector)
{
    return std::ranges::find(incident.related, detector) != incident.related.end();
}

void note_related(Incident &incident, std::string_view detector, Severity severity)
{
    if (severity < incident.finding.severity) {
        incident.finding.severity = severity;
        incident.revision++;
    }
    if (detector == incident.finding.detector || is_related(incident, detector))
        return;
    incident.related.emplace_back(detector);
    incident.revision++;
}

/// Appends what is not there yet, while there is room.
bool join(std::vector<IpAddress> &list, const std::vector<IpAddress> &more)
{
    const std::size_t before = list.size();
    for (const IpAddress &each : more) {
        if (list.size() >= Finding::max_listed)
            break;
        if (std::ranges::find(list, each) == list.end())
            list.push_back(each);
    }
    return list.size() > before;
}

/// What detectors owe to the tracker, made good: bounded lists, a time in which it can have begun.
void tidy(Finding &finding, TimeNs now)
{
    const auto cut = [](auto &list) { list.resize(std::min(list.size(), Finding::max_listed)); };
    cut(finding.sources);
    cut(finding.targets);
    if (finding.evidence.size() > Finding::max_listed)
        finding.evidence.resize(Finding::max_listed);
    if (finding.since <= 0 || finding.since > now)
        finding.since = now;
    if (!std::isfinite(finding.observed))
        finding.observed = 0;
    finding.source_count = std::max<std::uint64_t>(finding.source_count, finding.sources.size());
}

/// `weaker` is what is left of the other one after the stronger was chosen.
bool keep_of(Finding &kept, Finding &weaker)
{
    bool more = join(kept.sources, weaker.sources);
    more = join(kept.targets, weaker.targets) || more;
    kept.source_count = std::max({kept.source_count, weaker.source_count, std::uint64_t{kept.sources.size()}});
    kept.severity = std::min(kept.severity, weaker.severity);
    if (kept.evidence.empty())
        kept.evidence = std::move(weaker.evidence);
    return more;
}

void update(Incident &incident, TimeNs now, Finding finding)
{
    constexpr double worth_telling = 1.25; ///< a flood grows a little in each tick
    incident.last = now;
    incident.latest = finding.observed;
    incident.start = std::min(incident.start, finding.since);
    const Severity before = incident.finding.severity;
    if (finding.observed > incident.finding.observed)
        std::swap(incident.finding, finding);
    const bool more = keep_of(incident.finding, finding);
    const bool stronger = incident.finding.observed > incident.told_observed * worth_telling;
    if (!more && !stronger && incident.finding.severity == before)
        return;
    incident.told_observed = incident.finding.observed;
    incident.revision++;
}

std::size_t room_for(Severity severity)
{
    constexpr std::size_t quarter = IncidentTracker::max_open / 4;
    return IncidentTracker::max_open - quarter * (static_cast<std::size_t>(severity) - 1);
}

} // namespace

Incident *IncidentTracker::explained_by(const Finding &finding)
{
    for (const DetectorInfo *info : catalogue())
        for (auto it = open_.lower_bound({info->id, {}}); it != open_.end() && it->first.first == info->id; ++it)
            if (explains(*info, it->second.finding, finding) && same_hosts(it->second.finding.subject, finding.subject))
                return &it->second;
    return nullptr;
}

/// What was open as an effect becomes part of the cause's incident.
void IncidentTracker::absorb(const Key &strong)
{
    Incident &cause = open_.at(strong);
    const DetectorInfo *info = find_detector(strong.first);
    for (auto it = open_.begin(); info && it != open_.end();) {
        const auto each = it++;
        Incident &weak = each->second;
        if (!explains(*info, cause.finding, weak.finding) || !same_hosts(cause.finding.subject, weak.finding.subject) ||
            weak.start + most_lead < cause.finding.since)
            continue;
        note_related(cause, weak.finding.detector, weak.finding.severity);
        for (const std::string &detector : weak.related)
            note_related(cause, detector, weak.finding.severity);
        if (weak.finding.detector == cause.finding.detector)
            join(cause.finding.targets, weak.finding.targets);
        cause.start = std::min(cause.start, weak.start);
        cause.opened = std::min(cause.opened, weak.opened);
        weak.merged_into = cause.id;
        close(each);
    }
}

void IncidentTracker::add(TimeNs now, Finding finding)
{
    tidy(finding, now);
    const Key key{finding.detector, finding.subject};
    if (const auto found = open_.find(key); found != open_.end())
        return update(found->second, now, std::move(finding));
    if (Incident *cause = explained_by(finding)) {
        if (cause->finding.detector == finding.detector && join(cause->finding.targets, finding.targets))
            cause->revision++;
        return note_related(*cause, finding.detector, finding.severity);
    }
    if (open_.size() >= room_for(finding.severity)) {
        refused_++;
        return;
    }
    Incident incident;
    incident.id = make_id(finding, now);
    incident.start = finding.since;
    incident.opened = incident.last = now;
    incident.latest = incident.told_observed = finding.observed;
    incident.finding = std::move(finding);
    open_.emplace(key, std::move(incident));
    absorb(key);
}

void IncidentTracker::close(std::map<Key, Incident>::iterator incident)
{
    incident->second.open = false;
    incident->second.revision++;
    changes_.push_back(std::move(incident->second));
    open_.erase(incident);
}

/// Causes come before what they explain only by chance of their ids: absorb() makes the order not matter.
void IncidentTracker::tick(TimeNs now, std::vector<Finding> findings)
{
    std::ranges::stable_sort(findings, [](const Finding &a, const Finding &b) {
        return std::tie(a.detector, a.subject) < std::tie(b.detector, b.subject);
    });
    for (Finding &finding : findings)
        add(now, std::move(finding));
    for (auto it = open_.begin(); it != open_.end();) {
        const auto each = it++;
        if (now - each->second.last >= hold(each->second.finding).count())
            close(each);
    }
}

void IncidentTracker::set_clock_back(TimeNs now)
{
    for (auto &[key, incident] : open_)
        for (TimeNs *time : {&incident.start, &incident.opened, &incident.last})
            *time = std::min(*time, now);
}

void IncidentTracker::finish()
{
    while (!open_.empty())
        close(open_.begin());
}

bool IncidentTracker::is_open(std::string_view detector, const Subject &subject) const
{
    return open_.contains({detector, subject});
}

std::vector<const Incident *> IncidentTracker::open() const
{
    std::vector<const Incident *> list;
    for (const auto &[key, incident] : open_)
        list.push_back(&incident);
    return list;
}

std::vector<Incident> IncidentTracker::take_changes()
{
    std::vector<Incident> changes = std::move(changes_);
    changes_.clear();
    for (auto &[key, incident] : open_)
        if (incident.revision != incident.told) {
            incident.told = incident.revision;
            changes.push_back(incident);
        }
    std::ranges::stable_sort(changes, [](const Incident &a, const Incident &b) {
        return std::tie(a.start, a.id) < std::tie(b.start, b.id);
    });
    return changes;
}

} // namespace flowguard
