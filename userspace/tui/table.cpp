// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/table.h"

#include "flowguard/tui/document.h"
#include "flowguard/tui/options.h"
#include "flowguard/tui/overflow.h"
#include "flowguard/tui/views.h"

#include <fmt/format.h>

#include <cmath>

namespace flowguard {
namespace {

bool has_trouble(const Json &interface)
{
    const bool all_counted = !has(interface, "accounted") || number_at(interface, {"accounted"}) == 1.0;
    return !flag_at(interface, "present", true) || !all_counted || number_at(interface, {"dropped_pps", "2s"}) > 0;
}

/// The share that is furthest from 1; 1 without interfaces.
double worst_share(const Json &interfaces)
{
    double worst = 1;
    for (const Json &interface : interfaces)
        if (has(interface, "accounted")) {
            const double share = number_at(interface, {"accounted"});
            if (std::abs(share - 1) > std::abs(worst - 1))
                worst = share;
        }
    return worst;
}

std::string counted(double number, std::string_view one, std::string_view many)
{
    const std::string text = number >= 0 && number < 1e6 ? fmt::format("{:.0f}", number) : format_count(number);
    return fmt::format("{} {}", text, number == 1 ? one : many);
}

std::string what_is_shown(const Json &document)
{
    const std::string filter = text_at(document, "filter");
    return fmt::format("{} by {}{}{}", view_title(view_of(document)), sort_name(sort_of(document)),
                       filter.empty() ? "" : ", filter: ", filter);
}

} // namespace

std::vector<Line> totals_lines(const Json &document, const TableOptions &options)
{
    const auto columns = total_columns(options.unit, options.width);
    std::vector<Line> lines{heading_line(columns)};
    for (const char *direction : {"rx", "tx"}) {
        Json row = Json::object();
        if (has(document, "totals") && has(document["totals"], direction))
            row = document["totals"][direction];
        if (row.is_object())
            row["name"] = direction;
        lines.push_back(row_line(columns, row));
    }
    return lines;
}

Line facts_line(const Json &document)
{
    const double share = worst_share(interfaces_of(document));
    Line line;
    if (share == 1.0)
        line.push_back({"accounted 100%"});
    else
        line.push_back({fmt::format("accounted {}: see 'flowguard status'", format_share(share)), Style::Alarm});
    line.push_back({" · " + counted(number_at(document, {"active_flows"}), "active flow", "active flows")});
    line.push_back({" · " + counted(number_at(document, {"blocks"}), "block", "blocks")});
    if (const Json &overflow = array_at(document, "overflow");
        !overflow.empty() && number_at(overflow.front(), {"flowguard", "rate_pps"}) > 0)
        line.push_back({" · overflow " + describe_overflow(overflow.front()), Style::Alarm});
    if (!text_at(document, "filter").empty())
        line.push_back({" · " + counted(number_at(document, {"matching"}), "matches", "match")});
    return line;
}

std::vector<Line> interface_lines(const Json &document, const TableOptions &options, std::size_t most)
{
    const Json &interfaces = interfaces_of(document);
    if (most == 0 || interfaces.empty())
        return {};
    const auto columns = interface_columns(interfaces, options.unit, options.width);
    const bool all = interfaces.size() <= most;
    std::vector<const Json *> order;
    for (const bool wanted : {true, false})
        for (const Json &interface : interfaces)
            if ((all || has_trouble(interface)) == wanted)
                order.push_back(&interface);
    const std::size_t shown = all ? order.size() : most - 1;
    std::vector<Line> lines{heading_line(columns)};
    for (std::size_t i = 0; i < shown; i++)
        lines.push_back(row_line(columns, *order[i]));
    if (!all)
        lines.push_back({{fmt::format("and {} more", order.size() - shown), Style::Faint}});
    return lines;
}

std::vector<std::string> render_table(const Json &document, const TableOptions &options)
{
    std::vector<Line> lines{{{fmt::format("{} · tick {} · {}", text_at(document, "timestamp"), tick_of(document),
                                          what_is_shown(document))}},
                            facts_line(document),
                            {}};
    const auto append = [&](const std::vector<Line> &more) { lines.insert(lines.end(), more.begin(), more.end()); };
    append(totals_lines(document, options));
    lines.push_back({});
    if (const Json &interfaces = interfaces_of(document); !interfaces.empty()) {
        append(interface_lines(document, options, interfaces.size()));
        lines.push_back({});
    }
    const Json &rows = rows_of(document);
    const auto columns = view_columns(view_of(document), rows, options.unit, options.width);
    lines.push_back(heading_line(columns));
    for (const Json &row : rows)
        lines.push_back(row_line(columns, row));

    std::vector<std::string> out;
    for (const Line &line : lines) {
        const std::string text = plain_text(options.width > 0 ? cut(line, options.width) : line);
        out.push_back(options.ascii ? to_ascii(text) : text);
    }
    return out;
}

} // namespace flowguard
