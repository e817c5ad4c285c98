// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace flowguard {

/// What a piece of text means; the terminal decides how that looks.
enum class Style { Plain, Title, Heading, SortedHeading, Alarm, Warning, Faint, Selected, Key };

struct Span {
    std::string text; ///< clean
    Style style = Style::Plain;
};

using Line = std::vector<Span>;

/// Without styles and trailing blanks.
std::string plain_text(const Line &line);

int line_width(const Line &line);

/// Cuts the line to at most `width` cells.
Line cut(const Line &line, int width);

/// Cuts or pads to exactly `width` cells; `right` is set flush right where there is room for it.
Line justify(const Line &left, const Line &right, int width, Style padding = Style::Plain);

} // namespace flowguard
