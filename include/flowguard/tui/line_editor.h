// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/key.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace flowguard {

/// One line of ASCII text, which is all that a tcpdump expression has, under a cursor.
class LineEditor {
  public:
    /// The cursor stands at the end.
    explicit LineEditor(std::string_view text);

    void handle(Key key);
    const std::string &text() const { return text_; }
    std::size_t cursor() const { return cursor_; } ///< characters before it

  private:
    std::string text_;
    std::size_t cursor_ = 0;
};

} // namespace flowguard
