// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/tui/key.h"
#include "flowguard/tui/line_editor.h"
#include "flowguard/tui/options.h"
#include "flowguard/tui/units.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace flowguard {

/// One document that the screen would like to have.
struct TopRequest {
    TopOptions options;
    std::uint64_t after_tick = 0;
};

/// All that the screen knows, without a terminal: keys, answers and sizes go in, layout() reads it.
class TopState {
  public:
    /// `document` answers `options`.
    TopState(TopOptions options, Json document);

    void handle(Key key);
    /// An answer to other options than the current ones is ignored. Options that are refused (ExitCode::Usage) give way
    /// to the last ones that were not; after other errors the last document stays.
    void apply(const TopOptions &asked, Result<Json> answer);
    void resize(int width, int height);

    /// What to fetch next; nothing while paused.
    std::optional<TopRequest> wanted() const;
    bool finished() const { return finished_; }

    const TopOptions &options() const { return options_; }
    const Json &document() const { return document_; }
    RateUnit unit() const { return unit_; }
    bool paused() const { return paused_; }
    bool help() const { return help_; }
    const std::optional<LineEditor> &editor() const { return editor_; }
    const std::string &notice() const { return notice_; }   ///< until the next key
    const std::string &trouble() const { return trouble_; } ///< until the next document
    std::optional<std::size_t> selected_row() const { return selected_; }
    std::size_t first_row() const { return first_row_; } ///< that is visible
    int width() const { return width_; }
    int height() const { return height_; }

  private:
    void handle_in_editor(Key key);
    void handle_character(char32_t character);
    void handle_movement(Key::Code code);
    void show(TopBy view);
    void cycle_sort(int step);
    void move_by(std::ptrdiff_t rows);
    void select(std::size_t row);
    void release_selection();
    void find_selection_again();
    void scroll_to_selection();
    std::size_t page() const;

    TopOptions options_;
    TopOptions shown_; ///< what document_ answers
    Json document_;
    RateUnit unit_ = RateUnit::Bits;
    bool paused_ = false;
    bool help_ = false;
    bool finished_ = false;
    std::optional<LineEditor> editor_;
    std::string notice_;
    std::string trouble_;
    std::optional<std::size_t> selected_;
    std::string identity_; ///< of the selected row
    std::size_t first_row_ = 0;
    int width_ = 80;
    int height_ = 24;
};

} // namespace flowguard
