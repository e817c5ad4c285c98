// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/tui/line.h"
#include "flowguard/tui/units.h"

#include <cstddef>
#include <string>
#include <vector>

namespace flowguard {

struct TableOptions {
    int width = 0; ///< cells; 0: no limit, every column
    RateUnit unit = RateUnit::Bits;
    bool ascii = false; ///< the locale is not UTF-8
};

/// The whole of a /v1/top document as plain text, no line wider than `options.width` and none with trailing blanks.
/// No string from the document reaches a line with control characters in it.
std::vector<std::string> render_table(const Json &document, const TableOptions &options);

/// The parts, for the screen.
std::vector<Line> totals_lines(const Json &document, const TableOptions &options); ///< heading, rx, tx
Line facts_line(const Json &document); ///< accounted share, flows, blocks, matches
/// Heading and at most `most` interfaces; those with trouble first, and a word on those left out, if not all have room.
std::vector<Line> interface_lines(const Json &document, const TableOptions &options, std::size_t most);

} // namespace flowguard
