// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/core/top.h"
#include "flowguard/tui/line.h"
#include "flowguard/tui/text.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace flowguard {

struct Cell {
    std::string text; ///< clean
    bool alarm = false;
};

struct Column {
    std::string heading;
    int priority = 0;  ///< 0 is shown first
    int min_width = 0; ///< cells
    int max_width = 0; ///< grows up to this where there is room
    Align align = Align::Left;
    std::function<Cell(const Json &row, int width)> cell;
    std::optional<SortBy> sort = {}; ///< rows are sorted by this column under this order
    int width = 0;                   ///< as chosen
};

/// The columns that fit into `width` cells, in their order, with widths: the most important first, up to the first
/// that has no room. The first one is always there, cut if need be. `width` < 1: all, as wide as they like.
std::vector<Column> choose_columns(std::vector<Column> columns, int width);

Line heading_line(const std::vector<Column> &columns, std::optional<SortBy> sort = {});
Line row_line(const std::vector<Column> &columns, const Json &row);

} // namespace flowguard
