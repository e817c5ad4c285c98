// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/incident_json.h"

#include "flowguard/core/protocols.h"
#include "flowguard/detect/catalogue.h"

namespace flowguard {
namespace {

Json addresses(const std::vector<IpAddress> &list)
{
    Json json = Json::array();
    for (const IpAddress &address : list)
        json.push_back(address.to_string());
    return json;
}

Json evidence_to_json(const std::vector<Evidence> &evidence)
{
    Json list = Json::array();
    for (const Evidence &each : evidence)
        list.push_back({{"src_ip", each.source.to_string()},
                        {"src_port", each.source_port},
                        {"dest_ip", each.target.to_string()},
                        {"dest_port", each.target_port},
                        {"proto", protocol_name(each.proto)},
                        {"packets", each.volume.packets},
                        {"bytes", each.volume.bytes}});
    return list;
}

} // namespace

Json incident_to_json(const Incident &incident)
{
    const Finding &finding = incident.finding;
    const DetectorInfo *info = find_detector(finding.detector);
    Json json{{"timestamp", format_time(incident.last)}, {"event_type", "alert"}};
    if (finding.subject.source)
        json["src_ip"] = finding.subject.source->to_string();
    if (finding.subject.target)
        json["dest_ip"] = finding.subject.target->to_string();
    if (finding.subject.port)
        json["dest_port"] = *finding.subject.port;
    if (finding.subject.proto)
        json["proto"] = protocol_name(*finding.subject.proto);
    json["alert"] = {{"action", "allowed"},
                     {"signature", info ? info->title : finding.detector},
                     {"category", info ? info->category : ""},
                     {"severity", static_cast<int>(finding.severity)}};
    Json attack = Json::array();
    if (info)
        for (const std::string_view technique : info->attack)
            attack.push_back(technique);
    json["flowguard"] = {{"incident_id", incident.id},
                         {"detector", finding.detector},
                         {"state", incident.open ? "open" : "closed"},
                         {"start", format_time(incident.start)},
                         {"opened", format_time(incident.opened)},
                         {"last", format_time(incident.last)},
                         {"observed", finding.observed},
                         {"expected", finding.expected},
                         {"unit", finding.unit},
                         {"factor", finding.expected > 0 ? finding.observed / finding.expected : 0.0},
                         {"metric", finding.metric},
                         {"source_count", finding.source_count},
                         {"sources", addresses(finding.sources)},
                         {"targets", addresses(finding.targets)},
                         {"attack", attack},
                         {"explanation", finding.explanation},
                         {"suggestion", finding.suggestion},
                         {"related", incident.related},
                         {"actions", Json::array()},
                         {"evidence", evidence_to_json(finding.evidence)}};
    if (!incident.merged_into.empty())
        json["flowguard"]["merged_into"] = incident.merged_into;
    return json;
}

} // namespace flowguard
