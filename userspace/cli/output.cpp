// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace flowguard {

void print_line(const std::string &text) { fmt::print("{}\n", text); }

void print_json(const Json &json) { print_line(json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

void Table::add(std::vector<std::string> cells)
{
    std::ranges::transform(cells, cells.begin(), [](const std::string &cell) { return clean(cell); });
    rows_.push_back(std::move(cells));
}

void Table::print() const
{
    std::vector<int> widths;
    for (std::size_t column = 0; column < headings_.size(); column++) {
        int width = display_width(headings_[column].text);
        for (const auto &row : rows_)
            width = std::max(width, display_width(row[column]));
        widths.push_back(width);
    }
    const auto line = [&](const auto &text_of) {
        std::string text;
        for (std::size_t column = 0; column < headings_.size(); column++)
            text += (column ? "  " : "") + fit(text_of(column), widths[column], headings_[column].align);
        print_line(text.substr(0, text.find_last_not_of(' ') + 1));
    };
    line([&](std::size_t column) { return headings_[column].text; });
    for (const auto &row : rows_)
        line([&](std::size_t column) { return row[column]; });
}

Result<std::chrono::seconds> parse_duration(const std::string &text)
{
    std::int64_t count = 0;
    const char *end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    const std::string_view unit(rest, end);
    const std::int64_t scale = unit.empty() || unit == "s" ? 1
                               : unit == "m"               ? 60
                               : unit == "h"               ? 3600
                               : unit == "d"               ? 86400
                                                           : 0;
    constexpr std::int64_t longest = 10LL * 365 * 86400;
    if (error != std::errc() || scale == 0 || count <= 0 || count > longest / scale)
        return fail(ExitCode::Usage,
                    fmt::format("'{}' is no duration: write a whole number with s, m, h or d, at most 10 years", text));
    return std::chrono::seconds(count * scale);
}

} // namespace flowguard
