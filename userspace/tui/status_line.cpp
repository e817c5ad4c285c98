// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/status_line.h"

#include "flowguard/tui/document.h"
#include "flowguard/tui/regions.h"
#include "flowguard/tui/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace flowguard {
namespace {

struct KeyName {
    std::string_view key;
    std::string_view does;
};

/* The most important first: a narrow screen cuts the end. */
constexpr std::array key_names{
    KeyName{"q", "quit"}, KeyName{"?", "help"},  KeyName{"/", "filter"}, KeyName{"Tab", "view"},
    KeyName{"o", "sort"}, KeyName{"p", "pause"}, KeyName{"u", "units"},  KeyName{"Esc", "top, no filter"}};

std::string_view prompt(int width) { return width < 30 ? "/" : "filter: "; }

Line keys_line(int width)
{
    Line line;
    for (const auto &[key, does] : key_names) {
        Line more = line;
        if (!more.empty())
            more.push_back({"  "});
        more.push_back({std::string(key), Style::Key});
        more.push_back({" " + std::string(does)});
        if (line_width(more) > width)
            break;
        line = std::move(more);
    }
    return line;
}

Line position(const TopState &state)
{
    const std::size_t rows = rows_of(state.document()).size();
    const int page = divide_screen(state.height(), interfaces_of(state.document()).size()).rows;
    const std::size_t last = std::min(rows, state.first_row() + static_cast<std::size_t>(page));
    const auto matching = static_cast<std::size_t>(std::clamp(number_at(state.document(), {"matching"}), 0.0, 1e15));
    if (rows == 0)
        return {{" 0 rows"}};
    const std::string more = matching > rows ? fmt::format(", {} match", matching) : "";
    return {{fmt::format(" {}-{} of {}{}", state.first_row() + 1, last, rows, more)}};
}

/// The part of the edited text that is shown: its end keeps up with the cursor.
struct Window {
    std::size_t start = 0;
    int cursor = 0; ///< cells
};

Window window(const TopState &state)
{
    const auto label = static_cast<int>(prompt(state.width()).size());
    const int room = std::max(state.width() - label - 1, 1);
    const auto cursor = static_cast<int>(state.editor()->cursor());
    const int start = std::max(cursor - room, 0);
    return {static_cast<std::size_t>(start), std::min(label + cursor - start, state.width() - 1)};
}

Line editor_line(const TopState &state)
{
    return {{std::string(prompt(state.width())), Style::Key}, {state.editor()->text().substr(window(state).start)}};
}

} // namespace

Line status_line(const TopState &state)
{
    if (state.editor())
        return justify(editor_line(state), {}, state.width());
    if (!state.notice().empty())
        return justify({{state.notice(), Style::Alarm}}, {}, state.width());
    if (!state.trouble().empty())
        return justify({{state.trouble() + " (trying again)", Style::Alarm}}, {}, state.width());
    const Line right = position(state);
    return justify(keys_line(state.width() - line_width(right) - 1), right, state.width());
}

int status_cursor(const TopState &state) { return window(state).cursor; }

std::vector<Line> help_lines()
{
    constexpr std::array keys{KeyName{"f 1", "flows"},
                              KeyName{"r 2", "remote addresses"},
                              KeyName{"l 3", "local addresses"},
                              KeyName{"s 4", "services"},
                              KeyName{"Tab", "next view, Shift-Tab the one before"},
                              KeyName{"o > <", "sort by rate, bytes, packets, start"},
                              KeyName{"/", "filter by a tcpdump expression: tcp and port 443"},
                              KeyName{"Esc", "no filter, no selected row"},
                              KeyName{"p Space", "pause and go on"},
                              KeyName{"u", "bits or bytes per second"},
                              KeyName{"arrows", "select a row, also PgUp PgDn Home End"},
                              KeyName{"Ctrl-L", "paint the screen again"},
                              KeyName{"q", "quit"}};
    std::vector<Line> lines;
    for (const auto &[key, does] : keys)
        lines.push_back({{fmt::format("  {:<9}", key), Style::Key}, {std::string(does)}});
    lines.push_back({});
    for (const char *text : {"RX is what came in on the interface, TX what went out: bits of whole frames.",
                             "2s, 10s and 40s are averages over that time. DROP counts packets dropped by policy.",
                             "Accounted is the share of all packets that flows explain; 100% is healthy."})
        lines.push_back({{"  "}, {text, Style::Faint}});
    return lines;
}

} // namespace flowguard
