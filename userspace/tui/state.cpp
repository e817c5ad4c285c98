// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/state.h"

#include "flowguard/tui/document.h"
#include "flowguard/tui/regions.h"
#include "flowguard/tui/text.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace flowguard {
namespace {

constexpr int views = 4;
constexpr int sorts = 4;

template <class Enum> Enum cycled(Enum value, int step, int count)
{
    return static_cast<Enum>((static_cast<int>(value) + step + count) % count);
}

} // namespace

TopState::TopState(TopOptions options, Json document)
    : options_(std::move(options)),
      shown_(options_),
      document_(std::move(document))
{
}

std::optional<TopRequest> TopState::wanted() const
{
    const bool answered = options_ == shown_;
    if (paused_ && answered)
        return {};
    /* A daemon that has started anew counts from the beginning again. */
    return TopRequest{options_, answered && trouble_.empty() ? tick_of(document_) : 0};
}

void TopState::apply(const TopOptions &asked, Result<Json> answer)
{
    if (asked != options_ || (paused_ && options_ == shown_))
        return;
    if (!answer && answer.error().code == ExitCode::Usage && options_ != shown_) {
        options_ = shown_;
        notice_ = clean(answer.error().message);
        return;
    }
    if (!answer || !answer->is_object()) {
        trouble_ = answer ? "the daemon answers something else than a document" : clean(answer.error().message);
        return;
    }
    /* Fetch waits for a later tick, for longer than a tick takes. */
    const bool stands_still = options_ == shown_ && tick_of(*answer) == tick_of(document_);
    trouble_ = stands_still ? "the daemon's clock stands still: no new tick" : "";
    document_ = std::move(*answer);
    shown_ = options_;
    find_selection_again();
}

void TopState::resize(int width, int height)
{
    width_ = std::max(width, 1);
    height_ = std::max(height, 1);
    scroll_to_selection();
}

void TopState::handle(Key key)
{
    notice_.clear();
    if (editor_)
        return handle_in_editor(key);
    const bool quits = key.code == Key::Character && key.character == 'q';
    if (help_ && !quits) {
        help_ = false;
        return;
    }
    switch (key.code) {
    case Key::Character:
        return handle_character(key.character);
    case Key::Tab:
        return show(cycled(options_.by, 1, views));
    case Key::BackTab:
        return show(cycled(options_.by, -1, views));
    case Key::Escape:
        options_.filter.clear();
        return release_selection();
    default:
        return handle_movement(key.code);
    }
}

void TopState::handle_in_editor(Key key)
{
    if (key.code == Key::Enter)
        options_.filter = editor_->text();
    if (key.code == Key::Enter || key.code == Key::Escape)
        editor_.reset();
    else
        editor_->handle(key);
}

void TopState::handle_character(char32_t character)
{
    switch (character) {
    case 'q':
        finished_ = true;
        break;
    case 'h':
    case '?':
        help_ = true;
        break;
    case 'f':
    case '1':
        show(TopBy::Flow);
        break;
    case 'r':
    case '2':
        show(TopBy::Remote);
        break;
    case 'l':
    case '3':
        show(TopBy::Local);
        break;
    case 's':
    case '4':
        show(TopBy::Service);
        break;
    case '<':
        cycle_sort(-1);
        break;
    case '>':
    case 'o':
        cycle_sort(1);
        break;
    case '/':
        editor_.emplace(options_.filter);
        break;
    case 'p':
    case ' ':
        paused_ = !paused_;
        break;
    case 'u':
        unit_ = unit_ == RateUnit::Bits ? RateUnit::Bytes : RateUnit::Bits;
        break;
    default:
        break;
    }
}

void TopState::handle_movement(Key::Code code)
{
    constexpr auto far = std::numeric_limits<std::ptrdiff_t>::max() / 2;
    const auto one_page = static_cast<std::ptrdiff_t>(page());
    switch (code) {
    case Key::Up:
        return move_by(-1);
    case Key::Down:
        return move_by(1);
    case Key::PageUp:
        return move_by(-one_page);
    case Key::PageDown:
        return move_by(one_page);
    case Key::Home:
        return move_by(-far);
    case Key::End:
        return move_by(far);
    default:
        return;
    }
}

void TopState::show(TopBy view)
{
    if (view == options_.by)
        return;
    options_.by = view;
    release_selection();
}

void TopState::cycle_sort(int step) { options_.sort = cycled(options_.sort, step, sorts); }

void TopState::move_by(std::ptrdiff_t rows)
{
    const auto count = static_cast<std::ptrdiff_t>(rows_of(document_).size());
    if (count == 0)
        return;
    /* Without a selection the cursor waits above the first row. */
    const std::ptrdiff_t from = selected_ ? static_cast<std::ptrdiff_t>(*selected_) : -1;
    select(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(from + rows, 0, count - 1)));
}

void TopState::select(std::size_t row)
{
    selected_ = row;
    identity_ = row_identity(rows_of(document_)[row]);
    scroll_to_selection();
}

void TopState::release_selection()
{
    selected_.reset();
    identity_.clear();
    first_row_ = 0;
}

void TopState::find_selection_again()
{
    const Json &rows = rows_of(document_);
    if (!selected_)
        return;
    if (rows.empty())
        return release_selection();
    if (*selected_ < rows.size() && row_identity(rows[*selected_]) == identity_)
        return scroll_to_selection();
    for (std::size_t row = 0; row < rows.size(); row++)
        if (row_identity(rows[row]) == identity_)
            return select(row);
    select(std::min(*selected_, rows.size() - 1));
}

void TopState::scroll_to_selection()
{
    if (!selected_ || page() == 0) {
        first_row_ = 0;
        return;
    }
    const std::size_t count = rows_of(document_).size();
    const std::size_t last_first = count > page() ? count - page() : 0;
    const std::size_t lowest = *selected_ >= page() ? *selected_ - page() + 1 : 0;
    first_row_ = std::min(std::clamp(first_row_, lowest, *selected_), last_first);
}

std::size_t TopState::page() const
{
    return static_cast<std::size_t>(divide_screen(height_, interfaces_of(document_).size()).rows);
}

} // namespace flowguard
