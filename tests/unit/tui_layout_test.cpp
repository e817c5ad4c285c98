// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/layout.h"
#include "flowguard/tui/regions.h"
#include "flowguard/tui/text.h"
#include "tui_document.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TopState state_of(int width, int height)
{
    TopState state({}, test::flows(12, 1000, 100));
    state.resize(width, height);
    return state;
}

std::string line(const TopState &state, std::size_t y) { return plain_text(layout(state).lines.at(y)); }

std::string last_line(const TopState &state) { return plain_text(layout(state).lines.back()); }

void type(TopState &state, std::string_view text)
{
    for (const char c : text)
        state.handle(Key::of(static_cast<char32_t>(c)));
}

TEST(TuiRegions, AddUpToTheHeight)
{
    for (int height = 1; height < 100; height++)
        for (const std::size_t interfaces : {0U, 1U, 3U, 32U}) {
            const Regions r = divide_screen(height, interfaces);
            const int header = r.title + r.totals_heading + r.totals + r.facts + r.interfaces;
            EXPECT_EQ(header + r.heading + r.rows + r.status, height);
            EXPECT_GE(3 * r.rows, height >= 3 ? height - 2 : 0) << height; /* a third at least */
        }
}

/// Draws every state at every size: within the screen, and nothing unsafe.
void draw_everywhere(TopState state)
{
    for (const int width : {1, 2, 3, 5, 8, 13, 21, 40, 59, 60, 80, 120, 300})
        for (const int height : {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 24, 60}) {
            state.resize(width, height);
            const Frame frame = layout(state);
            ASSERT_EQ(frame.lines.size(), static_cast<std::size_t>(height));
            for (const Line &drawn : frame.lines) {
                EXPECT_LE(line_width(drawn), width);
                for (const Span &span : drawn)
                    EXPECT_EQ(clean(span.text), span.text);
            }
            if (frame.cursor) {
                EXPECT_LT(frame.cursor->x, width);
                EXPECT_LT(frame.cursor->y, height);
            }
        }
}

TEST(TuiLayout, FitsEveryScreen)
{
    TopState state = state_of(80, 24);
    draw_everywhere(state);
    state.handle({Key::End});
    draw_everywhere(state);
    type(state, "?");
    draw_everywhere(state);
    type(state, "x/tcp and dst port 443 and net 2001:db8::/32");
    draw_everywhere(state);
    state.handle({Key::Enter});
    state.apply(state.options(), fail(ExitCode::Usage, "bad\x1b[0m\nfilter"));
    draw_everywhere(state);
    state.apply(state.options(), fail(ExitCode::NotRunning, "gone"));
    type(state, "p");
    draw_everywhere(state);
    draw_everywhere(TopState({}, Json()));
    TopState evil({.filter = "a\nb"}, test::flows(1, 1, 3));
    draw_everywhere(evil);
}

TEST(TuiLayout, ShowsHeaderTableAndKeys)
{
    const TopState state = state_of(80, 24);
    EXPECT_TRUE(line(state, 0).starts_with("flowguard flows by rate"));
    EXPECT_TRUE(line(state, 0).ends_with("tick 12 · 10:00:12 UTC"));
    EXPECT_TRUE(line(state, 2).starts_with("rx    1.00Gb"));
    EXPECT_TRUE(line(state, 6).starts_with("eth0"));
    EXPECT_TRUE(line(state, 7).starts_with("SOURCE"));
    EXPECT_TRUE(line(state, 8).starts_with("198.51.100.7:1000"));
    EXPECT_TRUE(last_line(state).starts_with("q quit"));
    EXPECT_TRUE(last_line(state).ends_with("1-15 of 100")) << last_line(state);
    EXPECT_FALSE(layout(state).cursor);
}

TEST(TuiLayout, OneLineShowsRatesOrWhatIsBeingTyped)
{
    TopState state = state_of(40, 1);
    EXPECT_EQ(line(state, 0), "rx 1.00Gb tx 1.00Mb");
    type(state, "/tcp");
    EXPECT_EQ(line(state, 0), "filter: tcp");
}

TEST(TuiLayout, TheSelectedRowIsHighlightedAcrossTheScreen)
{
    TopState state = state_of(80, 24);
    state.handle({Key::Down});
    const Line row = layout(state).lines.at(8);
    EXPECT_EQ(line_width(row), 80);
    for (const Span &span : row)
        EXPECT_EQ(span.style, Style::Selected);
}

TEST(TuiLayout, SaysWhatIsWrong)
{
    TopState state = state_of(80, 24);
    state.apply({}, fail(ExitCode::NotRunning, "no daemon answers"));
    EXPECT_EQ(last_line(state), "no daemon answers (trying again)");
    EXPECT_TRUE(line(state, 0).starts_with("flowguard STALE"));
    type(state, "p");
    EXPECT_TRUE(line(state, 0).starts_with("flowguard PAUSED"));
}

TEST(TuiLayout, TheCursorFollowsWhatIsTyped)
{
    TopState state = state_of(20, 10);
    type(state, "/tcp");
    EXPECT_EQ(layout(state).cursor->x, 4);
    EXPECT_EQ(layout(state).cursor->y, 9);
    type(state, " and port 443");
    EXPECT_EQ(layout(state).cursor->x, 17);
    EXPECT_EQ(last_line(state), "/tcp and port 443");
    type(state, " or udp");
    EXPECT_EQ(layout(state).cursor->x, 19);
    EXPECT_EQ(last_line(state), "/nd port 443 or udp");
}

} // namespace
} // namespace flowguard
