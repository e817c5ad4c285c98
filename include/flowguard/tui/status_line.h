// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/line.h"
#include "flowguard/tui/state.h"

#include <vector>

namespace flowguard {

/// The filter being edited, an error, or the keys, in exactly the width of the screen.
Line status_line(const TopState &state);
/// Cells before the cursor in the status line while the filter is edited.
int status_cursor(const TopState &state);

std::vector<Line> help_lines();

} // namespace flowguard
