// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/line.h"
#include "flowguard/tui/line_editor.h"
#include "flowguard/tui/text.h"
#include "flowguard/tui/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace flowguard {
namespace {

TEST(TuiText, ReplacesWhatMustNotReachATerminal)
{
    EXPECT_EQ(clean("eth0"), "eth0");
    EXPECT_EQ(clean("a\x1b[31mb\n\t\x7f"), "a?[31mb???");
    EXPECT_EQ(clean(std::string_view("\0x", 2)), "?x");
    EXPECT_EQ(clean("\xc2\x9b"), "?"); /* CSI as one character */
    EXPECT_EQ(clean("\xe2\x80\xae"
                    "evil"),
              "?evil"); /* right-to-left override */
    EXPECT_EQ(clean("e\xcc\x81"), "e?");
    EXPECT_EQ(clean("naïve 中"), "naïve 中");
}

TEST(TuiText, ReplacesBytesThatAreNotUtf8)
{
    EXPECT_EQ(clean("\xff"), "?");
    EXPECT_EQ(clean("\xe4\xb8"), "??"); /* cut off */
    EXPECT_EQ(clean("\xc0\xaf"), "??"); /* too long a form */
    EXPECT_EQ(clean("\xe0\x80\xaf"), "???");
    EXPECT_EQ(clean("\xed\xa0\x80"), "???");      /* surrogate */
    EXPECT_EQ(clean("\xf4\x90\x80\x80"), "????"); /* beyond Unicode */
    EXPECT_EQ(clean("\xf8\x88\x80\x80\x80"), "?????");
}

TEST(TuiText, CountsCells)
{
    EXPECT_EQ(display_width(""), 0);
    EXPECT_EQ(display_width("naïve"), 5);
    EXPECT_EQ(display_width("中文"), 4);
    EXPECT_EQ(display_width("…"), 1);
}

TEST(TuiText, FitsIntoCells)
{
    EXPECT_EQ(fit("abc", 5), "abc  ");
    EXPECT_EQ(fit("abc", 5, Align::Right), "  abc");
    EXPECT_EQ(fit("abcdef", 4), "abc…");
    EXPECT_EQ(fit("abc", 1), "…");
    EXPECT_EQ(fit("abc", 0), "");
    EXPECT_EQ(fit("abc", -3), "");
    EXPECT_EQ(fit("中文字", 4), "中… "); /* a wide character is not cut in half */
}

TEST(TuiText, ShortensInTheMiddle)
{
    EXPECT_EQ(shorten_middle("2001:db8::1", 11), "2001:db8::1");
    EXPECT_EQ(shorten_middle("2001:db8:85a3::8a2e:370:7334", 16), "2001:db8…70:7334");
    EXPECT_EQ(shorten_middle("abcdef", 2), "a…");
    EXPECT_EQ(shorten_middle("abcdef", 0), "");
}

TEST(TuiText, FallsBackToAsciiInTheSameCells)
{
    EXPECT_EQ(to_ascii("a…b · 中"), "a~b - ??");
    for (const char *text : {"naïve…", "中文 · x"})
        EXPECT_EQ(display_width(to_ascii(text)), display_width(text));
}

TEST(TuiUnits, Rates)
{
    EXPECT_EQ(format_rate(0, RateUnit::Bits), "0");
    EXPECT_EQ(format_rate(0.2, RateUnit::Bits), "<1b");
    EXPECT_EQ(format_rate(812, RateUnit::Bits), "812b");
    EXPECT_EQ(format_rate(999.4, RateUnit::Bits), "999b");
    EXPECT_EQ(format_rate(999.6, RateUnit::Bits), "1.00kb");
    EXPECT_EQ(format_rate(1'240'000, RateUnit::Bits), "1.24Mb");
    EXPECT_EQ(format_rate(9'996, RateUnit::Bits), "10.0kb");
    EXPECT_EQ(format_rate(99'960, RateUnit::Bits), "100kb");
    EXPECT_EQ(format_rate(999'600, RateUnit::Bits), "1.00Mb");
    EXPECT_EQ(format_rate(1'240'000, RateUnit::Bytes), "155kB");
    EXPECT_EQ(format_rate(-1, RateUnit::Bits), "?");
    EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN(), RateUnit::Bits), "?");
    EXPECT_EQ(format_rate(std::numeric_limits<double>::infinity(), RateUnit::Bytes), "?");
}

TEST(TuiUnits, NeverWiderThanSixCells)
{
    for (double value = 0.001; value < 9e20; value *= 1.0137) {
        EXPECT_LE(format_rate(value, RateUnit::Bits).size(), 6U) << value;
        EXPECT_LE(format_count(value).size(), 5U) << value;
    }
    for (double seconds = 0; seconds < 1e8; seconds = seconds * 1.1 + 1)
        EXPECT_LE(format_duration(seconds).size(), 6U) << seconds;
}

TEST(TuiUnits, CountsBytesAndDurations)
{
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(0.01), "<0.1");
    EXPECT_EQ(format_count(0.5), "0.5");
    EXPECT_EQ(format_count(7), "7");
    EXPECT_EQ(format_count(1240), "1.24k");
    EXPECT_EQ(format_bytes(1'240'000'000), "1.24GB");
    EXPECT_EQ(format_duration(0.9), "0s");
    EXPECT_EQ(format_duration(312), "5m12s");
    EXPECT_EQ(format_duration(3 * 3600 + 7 * 60), "3h07m");
    EXPECT_EQ(format_duration(52 * 3600), "2d04h");
    EXPECT_EQ(format_duration(120 * 86400), "120d");
    EXPECT_EQ(format_duration(-1), "?");
    EXPECT_EQ(format_duration(1e300), "?");
}

TEST(TuiUnits, OnlyAllIsAHundredPerCent)
{
    EXPECT_EQ(format_share(1.0), "100%");
    EXPECT_EQ(format_share(0.9999999), "99.99%");
    EXPECT_EQ(format_share(1.0000001), "100.01%");
    EXPECT_EQ(format_share(0), "0.00%");
}

TEST(TuiLine, CutsAndJustifies)
{
    const Line line{{"abc"}, {"def", Style::Alarm}};
    EXPECT_EQ(plain_text(cut(line, 5)), "abcd…");
    EXPECT_EQ(plain_text(cut(line, 3)), "abc");
    EXPECT_TRUE(cut(line, 0).empty());
    EXPECT_TRUE(cut(line, -1).empty());
    EXPECT_EQ(line_width(justify(line, {}, 9)), 9);
    EXPECT_EQ(plain_text(justify(line, {{"x"}}, 9)), "abcdef  x");
    EXPECT_EQ(plain_text(justify(line, {{"xyz"}}, 9)), "abcdef"); /* no room with a blank between */
}

TEST(TuiLineEditor, Edits)
{
    LineEditor editor("tcp");
    for (const char c : std::string(" por"))
        editor.handle(Key::of(static_cast<char32_t>(c)));
    editor.handle({Key::Left});
    editor.handle({Key::Backspace});
    editor.handle({Key::Delete});
    EXPECT_EQ(editor.text(), "tcp p");
    editor.handle({Key::Home});
    editor.handle({Key::Backspace});
    editor.handle({Key::Left});
    editor.handle(Key::of(U'!'));
    EXPECT_EQ(editor.text(), "!tcp p");
    EXPECT_EQ(editor.cursor(), 1U);
    editor.handle({Key::End});
    editor.handle({Key::Right});
    editor.handle({Key::Delete});
    editor.handle(Key::of(U'é'));
    EXPECT_EQ(editor.text(), "!tcp p");
    editor.handle({Key::EraseLine});
    EXPECT_EQ(editor.text(), "");
    EXPECT_EQ(LineEditor("a\nb…").text(), "a?b~");
}

} // namespace
} // namespace flowguard
