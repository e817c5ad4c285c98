// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/top.h"

#include "flowguard/tui/events.h"
#include "flowguard/tui/feed.h"
#include "flowguard/tui/layout.h"
#include "flowguard/tui/state.h"
#include "flowguard/tui/terminal.h"

#include <utility>

namespace flowguard {
namespace {

void read_keys(Terminal &terminal, TopState &state)
{
    while (const auto key = terminal.read_key()) {
        if (key->code == Key::Redraw)
            terminal.forget();
        else
            state.handle(*key);
    }
}

void fetch_what_is_wanted(Feed &feed, TopState &state)
{
    if (auto answer = feed.take())
        state.apply(answer->options, std::move(answer->document));
    if (const auto request = state.wanted())
        feed.ask(*request);
    else
        feed.cancel();
}

} // namespace

Result<void> run_top(TopOptions options, Fetch fetch)
{
    auto first = fetch(options, 0, {});
    if (!first)
        return std::unexpected(first.error());
    TopState state(std::move(options), std::move(*first));

    /* They end in the opposite order: the terminal and the signals are given back before the feed is waited for. */
    WakeUp wake_up;
    Feed feed(std::move(fetch), [&] { wake_up.wake(); });
    Events events(wake_up);
    auto terminal = Terminal::open();
    if (!terminal)
        return std::unexpected(terminal.error());

    while (!state.finished()) {
        fetch_what_is_wanted(feed, state);
        const auto [width, height] = terminal->size();
        state.resize(width, height);
        terminal->draw(layout(state));
        const Events::Happened happened = events.wait();
        if (happened.ended)
            break;
        if (happened.resized)
            terminal->resize();
        read_keys(*terminal, state);
    }
    return {};
}

} // namespace flowguard
