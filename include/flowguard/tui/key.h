// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace flowguard {

struct Key {
    enum Code {
        Character,
        Up,
        Down,
        Left,
        Right,
        PageUp,
        PageDown,
        Home,
        End,
        Enter,
        Escape,
        Backspace,
        Delete,
        Tab,
        BackTab,
        EraseLine, ///< Ctrl-U
        Redraw,    ///< Ctrl-L
        Other,
    };
    Code code = Other;
    char32_t character = 0; ///< of Character, printable

    static Key of(char32_t character) { return {Character, character}; }
};

} // namespace flowguard
