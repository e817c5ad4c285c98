// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/layout.h"

#include "flowguard/tui/document.h"
#include "flowguard/tui/regions.h"
#include "flowguard/tui/status_line.h"
#include "flowguard/tui/table.h"
#include "flowguard/tui/views.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

/// Hours, minutes and seconds of an RFC 3339 time.
std::string time_of_day(const std::string &timestamp)
{
    return timestamp.size() >= 19 ? timestamp.substr(11, 8) + " UTC" : timestamp;
}

Line title_line(const TopState &state)
{
    const TopOptions &options = state.options();
    Line left{{"flowguard", Style::Title}};
    if (state.paused())
        left.push_back({" PAUSED", Style::Warning});
    else if (!state.trouble().empty())
        left.push_back({" STALE", Style::Alarm});
    left.push_back({fmt::format(" {} by {}", view_title(options.by), sort_name(options.sort))});
    if (!options.filter.empty())
        left.push_back({fmt::format(" · filter: {}", clean(options.filter))});
    const std::string time = time_of_day(text_at(state.document(), "timestamp"));
    const Line right{{fmt::format(" tick {} · {}", tick_of(state.document()), time), Style::Faint}};
    return justify(left, right, state.width());
}

/// Rates in one line, for screens without room for totals.
Line short_title_line(const TopState &state)
{
    const auto rate = [&](const char *direction) {
        return format_rate(number_at(state.document(), {"totals", direction, "bps", "2s"}), state.unit());
    };
    Line line{{fmt::format("rx {} tx {}", rate("rx"), rate("tx"))}};
    if (state.paused())
        line.insert(line.begin(), {"PAUSED ", Style::Warning});
    else if (!state.trouble().empty())
        line.insert(line.begin(), {"STALE ", Style::Alarm});
    return justify(line, {}, state.width());
}

class Composer {
  public:
    explicit Composer(const TopState &state)
        : state_(state),
          document_(state.document()),
          width_(state.width()),
          regions_(divide_screen(state.height(), interfaces_of(document_).size()))
    {
    }

    Frame compose()
    {
        add_header();
        if (state_.help())
            add_help();
        else
            add_table();
        add_status();
        return std::move(frame_);
    }

  private:
    void add(const Line &line) { frame_.lines.push_back(cut(line, width_)); }
    void add_wide(const Line &line, Style padding) { frame_.lines.push_back(justify(line, {}, width_, padding)); }

    void add_header()
    {
        const TableOptions options{width_, state_.unit()};
        add(regions_.totals > 0 ? title_line(state_) : short_title_line(state_));
        if (regions_.totals > 0) {
            const auto totals = totals_lines(document_, options);
            if (regions_.totals_heading > 0)
                add_wide(totals[0], Style::Heading);
            add(totals[1]);
            add(totals[2]);
        }
        if (regions_.facts > 0)
            add(facts_line(document_));
        if (regions_.interfaces > 0) {
            const auto lines = interface_lines(document_, options, static_cast<std::size_t>(regions_.interfaces - 1));
            add_wide(lines[0], Style::Heading);
            for (std::size_t i = 1; i < lines.size(); i++)
                add(lines[i]);
        }
    }

    void add_table()
    {
        const Json &rows = rows_of(document_);
        const auto columns = view_columns(view_of(document_), rows, state_.unit(), width_);
        if (regions_.heading > 0)
            add_wide(heading_line(columns, sort_of(document_)), Style::Heading);
        for (int i = 0; i < regions_.rows; i++) {
            const std::size_t row = state_.first_row() + static_cast<std::size_t>(i);
            if (row >= rows.size())
                add({});
            else if (row == state_.selected_row())
                add_wide(selected(row_line(columns, rows[row])), Style::Selected);
            else
                add(row_line(columns, rows[row]));
        }
    }

    void add_help()
    {
        const std::vector<Line> help = help_lines();
        if (regions_.heading > 0)
            add_wide({{"HELP: any key goes back", Style::Heading}}, Style::Heading);
        for (std::size_t i = 0; i < static_cast<std::size_t>(regions_.rows); i++)
            add(i < help.size() ? help[i] : Line{});
    }

    void add_status()
    {
        /* Without a line of its own it takes the title's, when there is something that must be seen. */
        const bool urgent = state_.editor() || !state_.notice().empty();
        if (regions_.status > 0)
            add(status_line(state_));
        else if (urgent)
            frame_.lines.front() = status_line(state_);
        if (state_.editor())
            frame_.cursor = {status_cursor(state_), regions_.status > 0 ? state_.height() - 1 : 0};
    }

    static Line selected(Line line)
    {
        for (Span &span : line)
            span.style = Style::Selected;
        return line;
    }

    const TopState &state_;
    const Json &document_;
    int width_;
    Regions regions_;
    Frame frame_;
};

} // namespace

Frame layout(const TopState &state) { return Composer(state).compose(); }

} // namespace flowguard
