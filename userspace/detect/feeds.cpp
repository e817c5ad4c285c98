// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace flowguard {
namespace {

constexpr std::size_t max_name = 253; ///< characters of a domain name, RFC 1035

std::string_view trim(std::string_view text)
{
    constexpr std::string_view space = " \t\r\f\v";
    const auto begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find_first_of(" \t")); }

/// What a complaint quotes: printable, and not longer than a line of a terminal bears.
std::string quote(std::string_view text)
{
    constexpr std::size_t most = 40;
    std::string quoted;
    for (const char c : text.substr(0, most))
        quoted += c >= ' ' && c <= '~' ? c : '?';
    return text.size() > most ? quoted + "..." : quoted;
}

template <class Number> std::optional<Number> to_number(std::string_view text)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return {};
    return number;
}

IpAddress with_host_bits(const IpAddress &address, unsigned bits, bool set)
{
    std::uint8_t bytes[16];
    std::ranges::copy(address.bytes(), bytes);
    for (unsigned bit = bits; bit < 128; bit++) {
        const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
        bytes[bit / 8] = static_cast<std::uint8_t>(set ? bytes[bit / 8] | mask : bytes[bit / 8] & ~mask);
    }
    return IpAddress(bytes);
}

/// Feeds do write networks by one of their addresses, so host bits are no mistake here.
std::optional<AddressRange> parse_network(std::string_view text, std::size_t slash)
{
    const auto address = IpAddress::parse(text.substr(0, slash));
    const auto bits = to_number<unsigned>(text.substr(slash + 1));
    if (!address || !bits || *bits > (address->is_v4() ? 32U : 128U))
        return {};
    const unsigned mapped = *bits + (address->is_v4() ? 96 : 0);
    return AddressRange{with_host_bits(*address, mapped, false), with_host_bits(*address, mapped, true)};
}

std::optional<AddressRange> parse_range(std::string_view text)
{
    if (const auto slash = text.find('/'); slash != std::string_view::npos)
        return parse_network(text, slash);
    if (const auto dash = text.find('-'); dash != std::string_view::npos) {
        const auto first = IpAddress::parse(trim(text.substr(0, dash)));
        const auto last = IpAddress::parse(trim(text.substr(dash + 1)));
        if (!first || !last || first->is_v4() != last->is_v4() || *last < *first)
            return {};
        return AddressRange{*first, *last};
    }
    if (std::ranges::count(text, ':') == 1) /* an address and a port */
        text = text.substr(0, text.find(':'));
    const auto address = IpAddress::parse(text);
    if (!address)
        return {};
    return AddressRange{*address, *address};
}

struct Reserved {
    std::string_view network;
    std::string_view what;
};

/// Lists of "bogons" have them, and would call a home network an attacker.
constexpr std::array reserved{
    Reserved{"0.0.0.0/8", "unspecified"},     Reserved{"10.0.0.0/8", "private"},
    Reserved{"100.64.0.0/10", "private"},     Reserved{"127.0.0.0/8", "loopback"},
    Reserved{"169.254.0.0/16", "link-local"}, Reserved{"172.16.0.0/12", "private"},
    Reserved{"192.168.0.0/16", "private"},    Reserved{"224.0.0.0/3", "multicast or reserved"},
};

bool overlap(const AddressRange &a, const AddressRange &b) { return a.first <= b.last && b.first <= a.last; }

/// "a - b", where what follows the first word is no remark.
bool is_spaced_range(std::string_view line)
{
    const std::string_view word = first_word(line);
    return word.find('-') != std::string_view::npos || trim(line.substr(word.size())).starts_with('-');
}

/// Why an entry must not be used; empty: it may.
class Refusal {
  public:
    Refusal()
    {
        for (std::size_t i = 0; i < reserved.size(); i++)
            reserved_[i] = *parse_range(reserved[i].network);
    }

    std::string why(const AddressRange &range) const
    {
        if (!range.first.is_v4()) {
            const bool global = (range.first.bytes()[0] & 0xe0) == 0x20 && (range.last.bytes()[0] & 0xe0) == 0x20;
            if (!global) /* 2000::/3 is all that was given out, RFC 4291 */
                return "not of the global unicast addresses 2000::/3";
            const bool huge = !std::equal(range.first.bytes().begin(), range.first.bytes().begin() + 2,
                                          range.last.bytes().begin());
            return huge ? "wider than a /16" : "";
        }
        for (std::size_t i = 0; i < reserved.size(); i++)
            if (overlap(range, reserved_[i]))
                return fmt::format("has {} addresses ({})", reserved[i].what, reserved[i].network);
        return range.first.bytes()[12] != range.last.bytes()[12] ? "wider than a /8" : "";
    }

  private:
    std::array<AddressRange, reserved.size()> reserved_;
};

/// In lower case without the last dot; none if it is no name of at least two labels.
std::optional<std::string> parse_name(std::string_view text)
{
    if (text.ends_with('.'))
        text.remove_suffix(1);
    if (text.empty() || text.size() > max_name || text.find('.') == std::string_view::npos || text.starts_with('.'))
        return {};
    std::string name;
    for (const char c : text) {
        const bool upper = c >= 'A' && c <= 'Z';
        const bool allowed = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                             c == '.';
        if (!allowed || (c == '.' && name.ends_with('.')))
            return {};
        name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (IpAddress::parse(name))
        return {};
    return name;
}

/// The fields of a line; quotes may hold separators. The separator is the first of these that the line has.
std::vector<std::string> split_csv(std::string_view line)
{
    char separator = ',';
    for (const char each : {',', ';', '\t', '|'})
        if (line.find(each) != std::string_view::npos) {
            separator = each;
            break;
        }
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (c == separator && !quoted)
            fields.emplace_back();
        else
            fields.back() += c;
    }
    return fields;
}

class Parser {
  public:
    explicit Parser(const FeedSyntax &syntax) : syntax_(syntax), column_(syntax.column) {}

    ParsedFeed parse(std::string_view text)
    {
        constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
        if (text.starts_with(byte_order_mark))
            text.remove_prefix(byte_order_mark.size());
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            feed_.lines++;
            parse_line(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return std::move(feed_);
    }

  private:
    void parse_line(std::string_view line)
    {
        const bool csv = syntax_.format == FeedFormat::Csv;
        line = trim(csv ? line : line.substr(0, line.find_first_of("#;")));
        if (line.empty() || line.starts_with("//") || line.starts_with('#'))
            return;
        switch (syntax_.format) {
        case FeedFormat::Plain:
            return add_range(is_spaced_range(line) ? line : first_word(line));
        case FeedFormat::Domains:
            return add_name(first_word(line));
        case FeedFormat::Hosts:
            return parse_hosts(line);
        case FeedFormat::Csv:
            return parse_csv(line);
        }
    }

    void parse_hosts(std::string_view line)
    {
        const std::string_view address = first_word(line);
        if (!IpAddress::parse(address))
            return complain_garbage(line, "does not begin with an address");
        std::string_view rest = trim(line.substr(address.size()));
        if (rest.empty())
            return complain_garbage(line, "has no name");
        for (; !rest.empty(); rest = trim(rest.substr(first_word(rest).size())))
            if (first_word(rest).find('.') != std::string_view::npos) /* not "localhost" */
                if (!IpAddress::parse(first_word(rest)))              /* "0.0.0.0 0.0.0.0" is usual */
                    add_name(first_word(rest));
    }

    void parse_csv(std::string_view line)
    {
        const std::vector<std::string> fields = split_csv(line);
        if (!syntax_.column_name.empty() && !named_) {
            named_ = true;
            const auto found = std::ranges::find_if(
                fields, [&](const std::string &field) { return trim(field) == syntax_.column_name; });
            column_ = found == fields.end() ? 0 : static_cast<std::size_t>(found - fields.begin()) + 1;
            if (column_ == 0)
                complain_garbage(line, fmt::format("has no column {}, so nothing can be used", syntax_.column_name));
            return;
        }
        if (column_ == 0 || column_ > fields.size()) {
            if (column_ != 0)
                complain_garbage(line, fmt::format("has no column {}", column_));
            else
                feed_.garbage++;
            return;
        }
        const bool heading = feed_.ranges.empty() && !named_ && !parse_range(trim(fields[column_ - 1]));
        named_ = true;
        if (!heading)
            add_range(trim(fields[column_ - 1]));
    }

    void add_range(std::string_view text)
    {
        const auto range = parse_range(text);
        if (!range)
            return complain_garbage(text, "is no address, network or range");
        if (const std::string why = refusal_.why(*range); !why.empty()) {
            feed_.refused++;
            return complain(text, why);
        }
        if (has_room())
            feed_.ranges.push_back(*range);
    }

    void add_name(std::string_view text)
    {
        auto name = parse_name(text);
        if (!name)
            complain_garbage(text, "is no domain name");
        else if (has_room())
            feed_.names.push_back(std::move(*name));
    }

    bool has_room()
    {
        if (feed_.ranges.size() + feed_.names.size() < ParsedFeed::max_entries)
            return true;
        feed_.left_out++;
        return false;
    }

    void complain_garbage(std::string_view text, std::string_view why)
    {
        feed_.garbage++;
        complain(text, why);
    }

    void complain(std::string_view text, std::string_view why)
    {
        if (feed_.complaints.size() < ParsedFeed::max_complaints)
            feed_.complaints.push_back({feed_.lines, fmt::format("'{}' {}", quote(text), why)});
    }

    const FeedSyntax &syntax_;
    Refusal refusal_;
    std::size_t column_; ///< from 1; 0: the heading does not have it
    bool named_ = false; ///< the first line of a CSV was seen
    ParsedFeed feed_;
};

} // namespace

Result<FeedSyntax> FeedSyntax::parse(std::string_view text)
{
    if (text == "plain" || text == "drop" || text == "netset")
        return FeedSyntax{};
    if (text == "hosts")
        return FeedSyntax{.format = FeedFormat::Hosts, .column_name = {}};
    if (text == "domains")
        return FeedSyntax{.format = FeedFormat::Domains, .column_name = {}};
    if (text == "csv")
        return FeedSyntax{.format = FeedFormat::Csv, .column_name = {}};
    if (text.starts_with("csv:") && text.size() > 4) {
        const std::string_view column = text.substr(4);
        const auto number = to_number<std::size_t>(column);
        if (!number)
            return FeedSyntax{.format = FeedFormat::Csv, .column_name = std::string(column)};
        if (*number >= 1)
            return FeedSyntax{.format = FeedFormat::Csv, .column = *number, .column_name = {}};
    }
    return fail(ExitCode::Usage,
                fmt::format("'{}' is no format of a feed; there are plain, drop, netset, hosts, domains, "
                            "csv, csv:NUMBER (column, from 1) and csv:NAME",
                            quote(text)));
}

ParsedFeed parse_feed(std::string_view text, const FeedSyntax &syntax) { return Parser(syntax).parse(text); }

} // namespace flowguard
