// SPDX-License-Identifier: Apache-2.0
/* What `analyze` tells people. Names from the capture are cleaned: whoever sent a packet must not write on the terminal. */
#include "flowguard/cli/analyze.h"
#include "flowguard/cli/output.h"
#include "flowguard/core/protocols.h"
#include "flowguard/detect/catalogue.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace flowguard {
namespace {

/// How the output can look.
struct Page {
    int width = 100;
    bool ascii = false;
    bool color = false;

    static Page of_output()
    {
        constexpr int narrowest = 40;
        Page page;
        winsize size{};
        const bool terminal = isatty(STDOUT_FILENO) != 0;
        if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            page.width = std::max<int>(size.ws_col, narrowest);
        page.ascii = std::string_view(nl_langinfo(CODESET)) != "UTF-8";
        const char *no_color = std::getenv("NO_COLOR");
        const char *kind = std::getenv("TERM");
        page.color = terminal && (!no_color || !*no_color) && kind && std::string_view(kind) != "dumb";
        return page;
    }
    std::string painted(std::string_view code, const std::string &text) const
    {
        return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
    }
    void say(const std::string &text) const { print_line(ascii ? to_ascii(text) : text); }
    void title(const std::string &text) const { print_line("\n" + painted("1", text)); }
};

std::string clock_time(TimeNs time)
{
    constexpr std::size_t to_seconds = 19;
    std::string text = format_time(time).substr(0, to_seconds);
    std::ranges::replace(text, 'T', ' ');
    return text;
}

double seconds(TimeNs time) { return static_cast<double>(time) / 1e9; }
double number(std::uint64_t count) { return static_cast<double>(count); }

std::string count(std::uint64_t value) { return format_count(number(value)); }
std::string bytes(std::uint64_t value) { return format_bytes(number(value)); }

std::string share(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0 ? "" : fmt::format("{:.1f}%", 100 * number(part) / number(whole));
}

/// Lines of at most `width` cells, broken at spaces.
std::vector<std::string> wrap(const std::string &text, int width)
{
    std::vector<std::string> lines;
    std::string line;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        at = end + 1;
        if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
            lines.push_back(line);
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
    }
    lines.push_back(line);
    return lines;
}

void print_paragraph(const Page &page, const std::string &text, const std::string &indent)
{
    for (const std::string &line : wrap(clean(text), page.width - display_width(indent)))
        page.say(indent + line);
}

void print_header(const Page &page, const AnalysisReport &report)
{
    const Analysis &analysis = report.analysis;
    const double length = seconds(analysis.last() - analysis.first());
    page.say(page.painted("1", clean(report.file)) + fmt::format("  {}", fmt::join(report.link_types, ", ")));
    page.say(fmt::format("{} packets, {}, {} flows", grouped(analysis.packets()), bytes(analysis.bytes()),
                         grouped(analysis.statistics().flows())));
    if (analysis.packets() != 0)
        page.say(fmt::format("{} to {} UTC, {}", clock_time(analysis.first()), clock_time(analysis.last()),
                             length < 1 ? fmt::format("{:.3g} s", length) : format_duration(length)));
    if (length >= 1)
        page.say(fmt::format("{} packets/s, {}/s", format_count(number(analysis.packets()) / length),
                             format_rate(number(analysis.bytes()) * 8 / length, RateUnit::Bits)));
    if (analysis.cut_packets() != 0)
        page.say(fmt::format("{} packets were cut by the capture; their original length counts",
                             grouped(analysis.cut_packets())));
    const std::string addresses = report.home.addresses.empty()
                                      ? ""
                                      : fmt::format(": {}", fmt::join(report.home.addresses, ", "));
    print_paragraph(page, fmt::format("ours: {}{}", report.home.how, addresses), "");
    if (analysis.clock_set_back() != 0)
        page.say(fmt::format("the capture's clock was set back {} times; what follows counts on from there",
                             analysis.clock_set_back()));
    for (const auto &[name, lost] : analysis.losses())
        page.say(fmt::format("lost: {} {}", name, grouped(lost)));
    if (!report.damage.empty())
        page.say(page.painted("31", "damaged: ") + clean(report.damage));
}

void print_protocols(const Page &page, const AnalysisReport &report)
{
    const auto rows = report.analysis.statistics().protocols();
    const Volume &all = report.analysis.total();
    Table table({{"PROTOCOL"},
                 {"OVER"},
                 {"PACKETS", Align::Right},
                 {"", Align::Right},
                 {"BYTES", Align::Right},
                 {"", Align::Right},
                 {"FLOWS", Align::Right}});
    for (const auto &row : rows)
        table.add({row.name, row.network, count(row.sums.volume.packets), share(row.sums.volume.packets, all.packets),
                   bytes(row.sums.volume.bytes), share(row.sums.volume.bytes, all.bytes),
                   row.network.empty() ? "" : count(row.sums.flows)});
    page.title("Protocols");
    table.print();
}

/// "the first 10 of 1,234", beside the title.
std::string listed(const std::string &title, std::size_t all, std::size_t rows)
{
    return all <= rows ? title : fmt::format("{}, {} of {}", title, rows, grouped(all));
}

std::size_t rows_of(std::size_t all, const ReportScope &scope)
{
    return scope.rows == 0 ? all : std::min(all, scope.rows);
}

void print_endpoints(const Page &page, const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().endpoints();
    if (rows.empty())
        return;
    const auto peers = report.analysis.statistics().peers();
    Table table({{"ADDRESS"},
                 {"SENT", Align::Right},
                 {"RECEIVED", Align::Right},
                 {"PACKETS", Align::Right},
                 {"PEERS", Align::Right},
                 {""},
                 {"NAME"}});
    const std::size_t shown = rows_of(rows.size(), scope);
    for (std::size_t i = 0; i < shown; i++) {
        const auto &[address, sums] = rows[i];
        const auto known = peers.find(address);
        table.add({address.to_string(), bytes(sums->sent.bytes), bytes(sums->received.bytes),
                   count(sums->volume.packets), count(known == peers.end() ? 0 : known->second),
                   report.home.locality.is_ours(address) ? "ours" : "",
                   report.analysis.detection().names().name_of(address)});
    }
    page.title(listed("Endpoints", rows.size(), shown));
    table.print();
}

void print_conversations(const Page &page, const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().conversations();
    if (rows.empty())
        return;
    Table table({{"A"},
                 {"B"},
                 {"A TO B", Align::Right},
                 {"B TO A", Align::Right},
                 {"PACKETS", Align::Right},
                 {"FLOWS", Align::Right},
                 {"LASTED", Align::Right}});
    const std::size_t shown = rows_of(rows.size(), scope);
    for (std::size_t i = 0; i < shown; i++) {
        const auto &[pair, sums] = rows[i];
        table.add({pair.a.to_string(), pair.b.to_string(), bytes(sums->from_a.bytes),
                   bytes(sums->volume.bytes - sums->from_a.bytes), count(sums->volume.packets), count(sums->flows),
                   format_duration(seconds(sums->last - sums->first))});
    }
    page.title(listed("Conversations", rows.size(), shown));
    table.print();
}

void print_services(const Page &page, const AnalysisReport &report, const ReportScope &scope)
{
    const auto rows = report.analysis.statistics().services();
    if (rows.empty())
        return;
    Table table({{"SERVICE"},
                 {"CLIENTS", Align::Right},
                 {"FLOWS", Align::Right},
                 {"PACKETS", Align::Right},
                 {"BYTES", Align::Right}});
    const std::size_t shown = rows_of(rows.size(), scope);
    for (std::size_t i = 0; i < shown; i++) {
        const auto &[service, sums] = rows[i];
        table.add({fmt::format("{}/{}", protocol_name(static_cast<std::uint8_t>(service.proto)), service.port),
                   count(sums->clients.count()), count(sums->flows), count(sums->volume.packets),
                   bytes(sums->volume.bytes)});
    }
    page.title(listed("Services", rows.size(), shown));
    table.print();
}

/// A character for each group of steps, as high as its packets.
std::string sparkline(const Page &page, const std::vector<std::uint64_t> &columns)
{
    constexpr std::array levels{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    constexpr std::array ascii_levels{"_", ".", ":", "-", "=", "+", "*", "#"};
    const std::uint64_t most = std::ranges::max(columns);
    std::string text;
    for (const std::uint64_t value : columns) {
        const auto level = value == 0 ? 0
                                      : std::min<std::size_t>(levels.size() - 1, value * levels.size() / (most + 1));
        text += value == 0 ? " " : page.ascii ? ascii_levels.at(level) : levels.at(level);
    }
    return text;
}

void print_timeline(const Page &page, const Timeline &timeline)
{
    const auto &steps = timeline.steps();
    if (steps.empty())
        return;
    const std::size_t width = static_cast<std::size_t>(page.width);
    const std::size_t group = (steps.size() + width - 1) / width;
    std::vector<std::uint64_t> columns((steps.size() + group - 1) / group);
    for (std::size_t i = 0; i < steps.size(); i++)
        columns[i / group] += steps[i].volume.packets;
    const double length = seconds(timeline.step_length()) * static_cast<double>(group);
    const auto peak = std::ranges::max_element(columns);
    const TimeNs when = timeline.begin() +
                        (peak - columns.begin()) * static_cast<TimeNs>(group) * timeline.step_length();
    page.title(fmt::format("Packets over time, {} a column",
                           length < 1 ? fmt::format("{:.3g} ms", length * 1000) : format_duration(length)));
    print_line(sparkline(page, columns));
    page.say(fmt::format("most: {} packets/s at {}", format_count(number(*peak) / length), clock_time(when)));
}

std::string named(const IpAddress &address, const Names &names)
{
    const std::string name = clean(names.name_of(address));
    return name.empty() ? address.to_string() : fmt::format("{} ({})", address.to_string(), name);
}

/// "192.0.2.7 > 10.0.0.1 port 80/TCP"
std::string who(const Incident &incident, const Names &names)
{
    const Finding &finding = incident.finding;
    const Subject &subject = finding.subject;
    std::string text = subject.source             ? named(*subject.source, names)
                       : finding.source_count > 0 ? fmt::format("{} sources", grouped(finding.source_count))
                                                  : "";
    if (subject.target)
        text += (text.empty() ? "" : " > ") + named(*subject.target, names);
    if (subject.port)
        text += fmt::format(" port {}", *subject.port);
    if (subject.proto)
        text += fmt::format("{}{}", subject.port ? "/" : " ", protocol_name(*subject.proto));
    return text;
}

void print_incident(const Page &page, const Incident &incident, const Names &names)
{
    struct Style {
        const char *word;
        const char *code;
    };
    constexpr std::array styles{Style{"ACT NOW", "1;31"}, Style{"LOOK TODAY", "1;33"}, Style{"GOOD TO KNOW", "1;36"}};
    const Finding &finding = incident.finding;
    const DetectorInfo *info = find_detector(finding.detector);
    const Style &style = styles.at(std::clamp<std::size_t>(static_cast<std::size_t>(finding.severity), 1, 3) - 1);
    print_line(fmt::format("\n{}  {}  {}", page.painted(style.code, style.word),
                           page.painted("1", std::string(info ? info->title : finding.detector)), finding.detector));
    page.say(fmt::format("  {} to {}, {}", clock_time(incident.start), clock_time(incident.last).substr(11),
                         format_duration(seconds(incident.last - incident.start))));
    if (const std::string text = who(incident, names); !text.empty())
        page.say("  " + text);
    print_paragraph(page, finding.explanation, "  ");
    if (!incident.related.empty())
        print_paragraph(page, fmt::format("also: {}", fmt::join(incident.related, ", ")), "  ");
    if (!finding.suggestion.empty())
        page.say("  " + page.painted("32", "$ " + clean(finding.suggestion)));
}

void print_incidents(const Page &page, const Analysis &analysis)
{
    std::vector<const Incident *> list;
    for (const Incident &incident : analysis.incidents())
        list.push_back(&incident);
    std::ranges::stable_sort(list, {}, [](const Incident *each) { return each->finding.severity; });
    page.title(list.empty() ? "No incidents"
                            : fmt::format("{} incident{}, the worst first", list.size(), list.size() == 1 ? "" : "s"));
    for (const Incident *incident : list)
        print_incident(page, *incident, analysis.detection().names());
}

} // namespace

void print_report(const AnalysisReport &report, const ReportScope &scope)
{
    const Page page = Page::of_output();
    print_header(page, report);
    if (scope.statistics && report.analysis.packets() != 0) {
        print_protocols(page, report);
        print_endpoints(page, report, scope);
        print_conversations(page, report, scope);
        print_services(page, report, scope);
        print_timeline(page, report.analysis.timeline());
    }
    print_incidents(page, report.analysis);
}

} // namespace flowguard
