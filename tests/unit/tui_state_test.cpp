// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/document.h"
#include "flowguard/tui/state.h"
#include "tui_document.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TopState state_with(int flows = 100) { return TopState({}, test::flows(1, 1000, flows)); }

void type(TopState &state, std::string_view text)
{
    for (const char c : text)
        state.handle(Key::of(static_cast<char32_t>(c)));
}

int selected_port(const TopState &state)
{
    return rows_of(state.document()).at(state.selected_row().value()).at("src_port").get<int>();
}

TEST(TuiState, SwitchesViews)
{
    TopState state = state_with();
    type(state, "r");
    EXPECT_EQ(state.options().by, TopBy::Remote);
    type(state, "4");
    EXPECT_EQ(state.options().by, TopBy::Service);
    state.handle({Key::Tab});
    EXPECT_EQ(state.options().by, TopBy::Flow);
    state.handle({Key::BackTab});
    EXPECT_EQ(state.options().by, TopBy::Service);
}

TEST(TuiState, CyclesTheSort)
{
    TopState state = state_with();
    type(state, "o>");
    EXPECT_EQ(state.options().sort, SortBy::Packets);
    type(state, "<<<");
    EXPECT_EQ(state.options().sort, SortBy::Start);
}

TEST(TuiState, AsksForALaterTickOfTheSameAndForTheCurrentOneOfAnother)
{
    TopState state = state_with();
    EXPECT_EQ(state.wanted()->after_tick, 1U);
    type(state, "r");
    EXPECT_EQ(state.wanted()->after_tick, 0U);
    EXPECT_EQ(state.wanted()->options.by, TopBy::Remote);
}

TEST(TuiState, IgnoresAnswersToEarlierQuestions)
{
    TopState state = state_with();
    type(state, "r");
    state.apply({}, test::flows(2, 1, 1));
    EXPECT_EQ(tick_of(state.document()), 1U);
    state.apply({}, fail(ExitCode::NotRunning, "gone"));
    EXPECT_EQ(state.trouble(), "");
}

TEST(TuiState, TakesAFilterOrKeepsThePreviousOne)
{
    TopState state = state_with();
    type(state, "/tcp");
    ASSERT_TRUE(state.editor());
    EXPECT_EQ(state.options().filter, "");
    state.handle({Key::Enter});
    EXPECT_FALSE(state.editor());
    EXPECT_EQ(state.options().filter, "tcp");
    state.apply(state.options(), test::flows(2, 1, 1));

    type(state, "/ prt 443");
    state.handle({Key::Enter});
    const TopOptions refused = state.options();
    EXPECT_EQ(refused.filter, "tcp prt 443");
    state.apply(refused, fail(ExitCode::Usage, "syntax\nerror"));
    EXPECT_EQ(state.options().filter, "tcp");
    EXPECT_EQ(state.notice(), "syntax?error");
    state.apply(state.options(), test::flows(3, 1, 1));
    EXPECT_EQ(state.notice(), "syntax?error"); /* stays long enough to be read */
    state.handle({Key::Down});
    EXPECT_EQ(state.notice(), "");

    state.handle({Key::Escape});
    EXPECT_EQ(state.options().filter, "");
}

TEST(TuiState, KeysAreTextWhileTheFilterIsEdited)
{
    TopState state = state_with();
    type(state, "/qrp u");
    EXPECT_FALSE(state.finished());
    EXPECT_FALSE(state.paused());
    EXPECT_EQ(state.editor()->text(), "qrp u");
    state.handle({Key::Escape});
    EXPECT_FALSE(state.editor());
    EXPECT_EQ(state.options().filter, "");
}

TEST(TuiState, PausedDataStopsAndTheCursorMoves)
{
    TopState state = state_with();
    type(state, "p");
    EXPECT_TRUE(state.paused());
    EXPECT_FALSE(state.wanted());
    state.apply({}, test::flows(2, 1, 1));
    EXPECT_EQ(tick_of(state.document()), 1U);
    state.handle({Key::Down});
    EXPECT_EQ(state.selected_row(), 0U);
    type(state, " ");
    EXPECT_TRUE(state.wanted());
}

TEST(TuiState, PausedItStillShowsAnotherViewOnce)
{
    TopState state = state_with();
    type(state, "pr");
    ASSERT_TRUE(state.wanted());
    state.apply(state.options(), test::document(2, {test::address_row("192.0.2.9")}, "remote"));
    EXPECT_EQ(view_of(state.document()), TopBy::Remote);
    EXPECT_FALSE(state.wanted());
}

TEST(TuiState, TheSelectedRowIsFollowed)
{
    TopState state = state_with();
    state.handle({Key::Down});
    state.handle({Key::Down});
    state.handle({Key::Down});
    EXPECT_EQ(selected_port(state), 1002);
    state.apply({}, test::flows(2, 990, 100));
    EXPECT_EQ(selected_port(state), 1002);
    EXPECT_EQ(state.selected_row(), 12U);
    /* It has ended: the row in its place is selected. */
    state.apply({}, test::flows(3, 2000, 5));
    EXPECT_EQ(state.selected_row(), 4U);
    state.apply({}, test::flows(4, 1, 0));
    EXPECT_FALSE(state.selected_row());
}

TEST(TuiState, WithoutASelectionTheTopStaysInSight)
{
    TopState state = state_with();
    state.apply({}, test::flows(2, 990, 100));
    EXPECT_EQ(state.first_row(), 0U);
    state.handle({Key::End});
    EXPECT_EQ(state.selected_row(), 99U);
    EXPECT_GT(state.first_row(), 0U);
    state.handle({Key::Escape});
    EXPECT_FALSE(state.selected_row());
    EXPECT_EQ(state.first_row(), 0U);
}

TEST(TuiState, ScrollsSoThatTheSelectedRowIsVisible)
{
    TopState state = state_with();
    state.resize(80, 6); /* title, heading, 3 rows, status */
    state.handle({Key::PageDown});
    EXPECT_EQ(state.selected_row(), 2U);
    EXPECT_EQ(state.first_row(), 0U);
    state.handle({Key::PageDown});
    EXPECT_EQ(state.selected_row(), 5U);
    EXPECT_EQ(state.first_row(), 3U);
    state.handle({Key::Up});
    EXPECT_EQ(state.first_row(), 3U);
    state.handle({Key::End});
    EXPECT_EQ(state.first_row(), 97U);
    state.handle({Key::PageUp});
    EXPECT_EQ(state.selected_row(), 96U);
    state.handle({Key::Home});
    EXPECT_EQ(state.first_row(), 0U);
    state.handle({Key::End});
    state.resize(80, 40);
    EXPECT_LE(state.first_row(), 99U);
    state.resize(0, 0);
    EXPECT_EQ(state.height(), 1);
    state.handle({Key::PageDown});
    EXPECT_TRUE(state.selected_row());
}

TEST(TuiState, NoRowsToSelect)
{
    TopState state({}, Json());
    for (const Key::Code code : {Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End})
        state.handle({code});
    EXPECT_FALSE(state.selected_row());
}

TEST(TuiState, ADaemonThatGoesAndComesBack)
{
    TopState state = state_with();
    state.apply({}, fail(ExitCode::NotRunning, "no daemon"));
    EXPECT_EQ(state.trouble(), "no daemon");
    EXPECT_EQ(tick_of(state.document()), 1U);
    EXPECT_EQ(state.wanted()->after_tick, 0U); /* a new daemon counts anew */
    state.apply({}, test::flows(7, 1, 1));
    EXPECT_EQ(state.trouble(), "");
}

TEST(TuiState, ADaemonThatStandsStillOrTalksNonsense)
{
    TopState state = state_with();
    state.apply({}, test::flows(1, 1, 1));
    EXPECT_NE(state.trouble(), "");
    state.apply({}, test::flows(2, 1, 1));
    EXPECT_EQ(state.trouble(), "");
    state.apply({}, Json::array());
    EXPECT_NE(state.trouble(), "");
    EXPECT_EQ(tick_of(state.document()), 2U);
    /* Refused although it was fine before: trouble, as there is nothing to go back to. */
    state.apply({}, fail(ExitCode::Usage, "no such view"));
    EXPECT_EQ(state.trouble(), "no such view");
}

TEST(TuiState, HelpAndQuit)
{
    TopState state = state_with();
    type(state, "?");
    EXPECT_TRUE(state.help());
    type(state, "r");
    EXPECT_FALSE(state.help());
    EXPECT_EQ(state.options().by, TopBy::Flow);
    type(state, "hq");
    EXPECT_TRUE(state.finished());
}

} // namespace
} // namespace flowguard
