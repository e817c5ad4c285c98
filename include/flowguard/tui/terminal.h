// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/tui/key.h"
#include "flowguard/tui/layout.h"

#include <memory>
#include <optional>

namespace flowguard {

/// The terminal in full-screen mode through ncurses; given back as it was when this is destroyed.
/// ncurses has one terminal a process, so there may be one of these at a time.
class Terminal {
  public:
    struct Size {
        int width = 0;
        int height = 0;
    };

    /// Fails with ExitCode::Usage if standard input and output are not a terminal that ncurses knows.
    static Result<Terminal> open();
    ~Terminal();
    Terminal(Terminal &&) noexcept;
    Terminal &operator=(Terminal &&) = delete;

    Size size() const;
    /// Takes over the size that the terminal has now.
    void resize();
    /// The next draw() paints every cell.
    void forget();
    void draw(const Frame &frame);
    /// Without waiting.
    std::optional<Key> read_key();

  private:
    struct Impl;
    explicit Terminal(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace flowguard
