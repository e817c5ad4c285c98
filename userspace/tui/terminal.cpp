// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/terminal.h"

#include "flowguard/tui/text.h"

/* Its macros are called move, erase, clear. */
#define NCURSES_NOMACROS 1
#include <ncurses.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace flowguard {
namespace {

/* Colour pairs. */
constexpr short red = 1;
constexpr short yellow = 2;
constexpr short bar = 3;
constexpr short sorted_bar = 4;
constexpr short cursor_bar = 5;

bool start_colours()
{
    const char *no_color = std::getenv("NO_COLOR");
    if ((no_color && *no_color) || !has_colors() || start_color() == ERR)
        return false;
    const short background = use_default_colors() == OK ? -1 : COLOR_BLACK;
    init_pair(red, COLOR_RED, background);
    init_pair(yellow, COLOR_YELLOW, background);
    init_pair(bar, COLOR_BLACK, COLOR_GREEN);
    init_pair(sorted_bar, COLOR_BLACK, COLOR_CYAN);
    init_pair(cursor_bar, COLOR_BLACK, COLOR_CYAN);
    return true;
}

attr_t plain_attributes(Style style)
{
    switch (style) {
    case Style::Title:
    case Style::Key:
    case Style::Alarm:
    case Style::Warning:
        return A_BOLD;
    case Style::Heading:
        return A_REVERSE;
    case Style::SortedHeading:
    case Style::Selected:
        return A_REVERSE | A_BOLD;
    case Style::Faint:
        return A_DIM;
    case Style::Plain:
        break;
    }
    return A_NORMAL;
}

attr_t colour_attributes(Style style)
{
    switch (style) {
    case Style::Alarm:
        return A_BOLD | static_cast<attr_t>(COLOR_PAIR(red));
    case Style::Warning:
        return A_BOLD | static_cast<attr_t>(COLOR_PAIR(yellow));
    case Style::Heading:
        return static_cast<attr_t>(COLOR_PAIR(bar));
    case Style::SortedHeading:
        return static_cast<attr_t>(COLOR_PAIR(sorted_bar));
    case Style::Selected:
        return static_cast<attr_t>(COLOR_PAIR(cursor_bar));
    default:
        return plain_attributes(style);
    }
}

Key::Code function_key(wint_t key)
{
    switch (key) {
    case KEY_UP:
        return Key::Up;
    case KEY_DOWN:
        return Key::Down;
    case KEY_LEFT:
        return Key::Left;
    case KEY_RIGHT:
        return Key::Right;
    case KEY_PPAGE:
        return Key::PageUp;
    case KEY_NPAGE:
        return Key::PageDown;
    case KEY_HOME:
        return Key::Home;
    case KEY_END:
        return Key::End;
    case KEY_ENTER:
        return Key::Enter;
    case KEY_BACKSPACE:
        return Key::Backspace;
    case KEY_DC:
        return Key::Delete;
    case KEY_BTAB:
        return Key::BackTab;
    default:
        return Key::Other;
    }
}

Key typed_key(wint_t key)
{
    switch (key) {
    case '\r':
    case '\n':
        return {Key::Enter};
    case '\t':
        return {Key::Tab};
    case 0x1b:
        return {Key::Escape};
    case 0x08:
    case 0x7f:
        return {Key::Backspace};
    case 'U' & 0x1f:
        return {Key::EraseLine};
    case 'L' & 0x1f:
        return {Key::Redraw};
    default:
        return key >= ' ' ? Key::of(static_cast<char32_t>(key)) : Key{};
    }
}

} // namespace

struct Terminal::Impl {
    SCREEN *screen = nullptr;
    bool coloured = false;
    bool utf8 = false;

    ~Impl()
    {
        endwin();
        delscreen(screen);
    }

    void put(const Span &span) const
    {
        attrset(static_cast<int>(coloured ? colour_attributes(span.style) : plain_attributes(span.style)));
        const std::string text = utf8 ? span.text : to_ascii(span.text);
        addnstr(text.data(), static_cast<int>(text.size()));
    }
};

Terminal::Terminal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Terminal::~Terminal() = default;
Terminal::Terminal(Terminal &&) noexcept = default;

Result<Terminal> Terminal::open()
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return fail(ExitCode::Usage, "top needs a terminal: 'flowguard top --once' prints one table to anywhere");
    SCREEN *screen = newterm(nullptr, stdout, stdin);
    if (!screen) {
        const char *name = std::getenv("TERM");
        return fail(ExitCode::Usage, fmt::format("the terminal '{}' (TERM) cannot show a full screen here: try "
                                                 "TERM=xterm, or 'flowguard top --once'",
                                                 clean(name ? name : "")));
    }
    auto impl = std::make_unique<Impl>();
    impl->screen = screen;
    impl->utf8 = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    impl->coloured = start_colours();
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    set_escdelay(50); /* ms that the rest of an escape sequence may take */
    return Terminal(std::move(impl));
}

Terminal::Size Terminal::size() const { return {std::max(getmaxx(stdscr), 1), std::max(getmaxy(stdscr), 1)}; }

void Terminal::resize()
{
    winsize now{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0)
        resizeterm(now.ws_row, now.ws_col);
}

void Terminal::forget() { clearok(stdscr, TRUE); }

void Terminal::draw(const Frame &frame)
{
    erase();
    int y = 0;
    for (const Line &line : frame.lines) {
        move(y++, 0);
        for (const Span &span : line)
            impl_->put(span);
    }
    curs_set(frame.cursor ? 1 : 0);
    if (frame.cursor)
        move(frame.cursor->y, frame.cursor->x);
    refresh();
}

std::optional<Key> Terminal::read_key()
{
    wint_t key = 0;
    const int kind = get_wch(&key);
    if (kind == ERR)
        return {};
    return kind == KEY_CODE_YES ? Key{function_key(key)} : typed_key(key);
}

} // namespace flowguard
