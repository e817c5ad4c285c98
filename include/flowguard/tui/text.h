// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace flowguard {

enum class Align { Left, Right };

/// Text that is safe on a terminal: bytes that are not UTF-8, control characters, and characters that are invisible or
/// change the direction of writing become '?'. What remains takes one or two cells per character.
std::string clean(std::string_view text);

/// Cells that clean text takes.
int display_width(std::string_view text);

/// Clean text in exactly `width` cells: padded, or cut with an ellipsis. Empty if `width` < 1.
std::string fit(std::string_view text, int width, Align align = Align::Left);

/// Clean text in at most `width` cells, keeping its beginning and its end.
std::string shorten_middle(std::string_view text, int width);

/// The same number of cells in ASCII, for terminals and pipes whose locale has nothing else.
std::string to_ascii(std::string_view text);

} // namespace flowguard
