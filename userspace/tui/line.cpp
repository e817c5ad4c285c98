// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/line.h"

#include "flowguard/tui/text.h"

#include <algorithm>

namespace flowguard {

std::string plain_text(const Line &line)
{
    std::string text;
    for (const Span &span : line)
        text += span.text;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

int line_width(const Line &line)
{
    int width = 0;
    for (const Span &span : line)
        width += display_width(span.text);
    return width;
}

Line cut(const Line &line, int width)
{
    Line out;
    int left = std::max(width, 0);
    for (const Span &span : line) {
        const int wanted = display_width(span.text);
        if (wanted > left) {
            if (left > 0)
                out.push_back({fit(span.text, left), span.style});
            break;
        }
        out.push_back(span);
        left -= wanted;
    }
    return out;
}

Line justify(const Line &left, const Line &right, int width, Style padding)
{
    Line out = cut(left, width);
    const int gap = width - line_width(out) - line_width(right);
    const bool both = gap >= 1;
    const int blanks = both ? gap : width - line_width(out);
    if (blanks > 0)
        out.push_back({std::string(static_cast<std::size_t>(blanks), ' '), padding});
    if (both)
        out.insert(out.end(), right.begin(), right.end());
    return out;
}

} // namespace flowguard
