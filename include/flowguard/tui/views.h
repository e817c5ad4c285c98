// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/columns.h"
#include "flowguard/tui/units.h"

#include <vector>

namespace flowguard {

/// Columns for the rows of one view that fit into `width` cells; `rows` decide how much room addresses need.
std::vector<Column> view_columns(TopBy view, const Json &rows, RateUnit unit, int width);

/// Columns for one direction's totals, in rows with a "name".
std::vector<Column> total_columns(RateUnit unit, int width);

std::vector<Column> interface_columns(const Json &interfaces, RateUnit unit, int width);

} // namespace flowguard
