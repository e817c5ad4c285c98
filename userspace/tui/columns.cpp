// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/columns.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace flowguard {
namespace {

constexpr int gap = 1;

std::vector<std::size_t> by_priority(const std::vector<Column> &columns)
{
    std::vector<std::size_t> order(columns.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(columns[i].priority, i); });
    return order;
}

/// Gives the cells left over to columns that can use them, one each in turn.
void grow(std::vector<Column> &columns, int left)
{
    for (bool grown = true; grown && left > 0;) {
        grown = false;
        for (Column &column : columns) {
            if (left > 0 && column.width < column.max_width) {
                column.width++;
                left--;
                grown = true;
            }
        }
    }
}

template <class Make> Line make_line(const std::vector<Column> &columns, Style between, Make make)
{
    Line line;
    for (const Column &column : columns) {
        if (!line.empty())
            line.push_back({std::string(gap, ' '), between});
        line.push_back(make(column));
    }
    return line;
}

} // namespace

std::vector<Column> choose_columns(std::vector<Column> columns, int width)
{
    if (width < 1) {
        for (Column &column : columns)
            column.width = column.max_width;
        return columns;
    }
    int left = width;
    for (const std::size_t i : by_priority(columns)) {
        Column &column = columns[i];
        const bool first = left == width;
        const int wanted = first ? std::min(column.min_width, width) : column.min_width + gap;
        if (wanted > left)
            break;
        column.width = first ? wanted : column.min_width;
        left -= wanted;
    }
    std::erase_if(columns, [](const Column &column) { return column.width == 0; });
    grow(columns, left);
    return columns;
}

Line heading_line(const std::vector<Column> &columns, std::optional<SortBy> sort)
{
    return make_line(columns, Style::Heading, [&](const Column &column) {
        const bool sorted = sort && column.sort == sort;
        return Span{fit(column.heading, column.width, column.align), sorted ? Style::SortedHeading : Style::Heading};
    });
}

Line row_line(const std::vector<Column> &columns, const Json &row)
{
    return make_line(columns, Style::Plain, [&](const Column &column) {
        const Cell cell = column.cell(row, column.width);
        return Span{fit(cell.text, column.width, column.align), cell.alarm ? Style::Alarm : Style::Plain};
    });
}

} // namespace flowguard
