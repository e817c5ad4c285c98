// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/line.h"
#include "flowguard/tui/state.h"

#include <optional>
#include <vector>

namespace flowguard {

struct Frame {
    struct Cursor {
        int x = 0;
        int y = 0;
    };
    std::vector<Line> lines;      ///< at most the height of the screen, each at most its width
    std::optional<Cursor> cursor; ///< where a person types; within the screen
};

/// The screen as it should look now.
Frame layout(const TopState &state);

} // namespace flowguard
