// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/text.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace flowguard {
namespace {

constexpr char32_t bad = 0xfffd;

struct CodePoint {
    char32_t value = bad;
    std::size_t bytes = 1;
};

struct Range {
    char32_t first;
    char32_t last;
};

/* Controls, format characters, marks that join the character before them, private use. */
constexpr std::array unsafe{
    Range{0, 0x1f},          Range{0x7f, 0x9f},     Range{0xad, 0xad},     Range{0x300, 0x36f},   Range{0x61c, 0x61c},
    Range{0x115f, 0x1160},   Range{0x17b4, 0x17b5}, Range{0x180b, 0x180f}, Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff},
    Range{0x200b, 0x200f},   Range{0x2028, 0x202e}, Range{0x2060, 0x206f}, Range{0x20d0, 0x20ff}, Range{0x3164, 0x3164},
    Range{0xe000, 0xf8ff},   Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}, Range{0xfff0, 0xffff},
    Range{0xe0000, 0x10ffff}};

constexpr std::array wide{Range{0x1100, 0x115e},   Range{0x2e80, 0x303e},   Range{0x3041, 0xa4cf},
                          Range{0xa960, 0xa97f},   Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},
                          Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},
                          Range{0x1f300, 0x1f64f}, Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff},
                          Range{0x20000, 0x3fffd}};

template <std::size_t N> bool is_in(const std::array<Range, N> &ranges, char32_t value)
{
    return std::ranges::any_of(ranges, [&](const Range &range) { return value >= range.first && value <= range.last; });
}

/// Bytes of the character that begins so; 0 if none does.
std::size_t length_by_lead(unsigned char lead)
{
    if (lead >= 0xf8 || (lead >= 0x80 && lead < 0xc2))
        return 0;
    return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0x80 ? 2 : 1;
}

/// The first character of `text`, which is not empty.
CodePoint decode(std::string_view text)
{
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t bytes = length_by_lead(lead);
    if (bytes == 1)
        return {lead, 1};
    if (bytes == 0 || text.size() < bytes)
        return {};
    char32_t value = lead & (0xffU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; i++) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0) != 0x80)
            return {};
        value = value << 6 | (next & 0x3fU);
    }
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < smallest.at(bytes) || value > 0x10ffff || surrogate ? CodePoint{} : CodePoint{value, bytes};
}

int cells(char32_t value) { return is_in(wide, value) ? 2 : 1; }

/// The longest beginning that takes at most `width` cells.
std::string_view head(std::string_view text, int width)
{
    std::size_t end = 0;
    for (int used = 0; end < text.size();) {
        const CodePoint next = decode(text.substr(end));
        used += cells(next.value);
        if (used > width)
            break;
        end += next.bytes;
    }
    return text.substr(0, end);
}

/// The longest end that takes at most `width` cells.
std::string_view tail(std::string_view text, int width)
{
    std::size_t start = 0;
    for (int left = display_width(text); left > width;) {
        const CodePoint next = decode(text.substr(start));
        left -= cells(next.value);
        start += next.bytes;
    }
    return text.substr(start);
}

} // namespace

std::string clean(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint next = decode(text.substr(at));
        if (is_in(unsafe, next.value))
            out += '?';
        else
            out += text.substr(at, next.bytes);
        at += next.bytes;
    }
    return out;
}

int display_width(std::string_view text)
{
    int width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint next = decode(text.substr(at));
        width += cells(next.value);
        at += next.bytes;
    }
    return width;
}

std::string fit(std::string_view text, int width, Align align)
{
    if (width < 1)
        return {};
    std::string out(text);
    if (display_width(text) > width)
        out = std::string(head(text, width - 1)) + "…";
    const std::string padding(static_cast<std::size_t>(width - display_width(out)), ' ');
    return align == Align::Left ? out + padding : padding + out;
}

std::string shorten_middle(std::string_view text, int width)
{
    if (display_width(text) <= width)
        return std::string(text);
    if (width < 3)
        return fit(text, width);
    const int back = (width - 1) / 2;
    return std::string(head(text, width - 1 - back)) + "…" + std::string(tail(text, back));
}

std::string to_ascii(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint next = decode(text.substr(at));
        if (next.value < 0x80)
            out += static_cast<char>(next.value);
        else if (next.value == U'…')
            out += '~';
        else if (next.value == U'·')
            out += '-';
        else
            out.append(static_cast<std::size_t>(cells(next.value)), '?');
        at += next.bytes;
    }
    return out;
}

} // namespace flowguard
