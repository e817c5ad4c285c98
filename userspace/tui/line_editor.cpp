// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/line_editor.h"

#include "flowguard/tui/text.h"

namespace flowguard {
namespace {

constexpr std::size_t longest = 4096;

} // namespace

LineEditor::LineEditor(std::string_view text) : text_(to_ascii(clean(text))), cursor_(text_.size()) {}

void LineEditor::handle(Key key)
{
    switch (key.code) {
    case Key::Character:
        if (key.character >= ' ' && key.character <= '~' && text_.size() < longest)
            text_.insert(cursor_++, 1, static_cast<char>(key.character));
        break;
    case Key::Left:
        cursor_ -= cursor_ > 0;
        break;
    case Key::Right:
        cursor_ += cursor_ < text_.size();
        break;
    case Key::Home:
        cursor_ = 0;
        break;
    case Key::End:
        cursor_ = text_.size();
        break;
    case Key::Backspace:
        if (cursor_ > 0)
            text_.erase(--cursor_, 1);
        break;
    case Key::Delete:
        if (cursor_ < text_.size())
            text_.erase(cursor_, 1);
        break;
    case Key::EraseLine:
        text_.clear();
        cursor_ = 0;
        break;
    default:
        break;
    }
}

} // namespace flowguard
