// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/columns.h"
#include "flowguard/tui/document.h"
#include "flowguard/tui/table.h"
#include "flowguard/tui/text.h"
#include "flowguard/tui/views.h"
#include "tui_document.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace flowguard {
namespace {

std::vector<std::string> headings(const std::vector<Column> &columns)
{
    std::vector<std::string> names;
    for (const Column &column : columns)
        names.push_back(column.heading);
    return names;
}

bool shows(const std::vector<std::string> &lines, std::string_view text)
{
    return std::ranges::any_of(lines, [&](const std::string &line) { return line.contains(text); });
}

Column column(std::string heading, int priority, int min, int max)
{
    return {std::move(heading), priority, min, max, Align::Left, [](const Json &, int) { return Cell{"x"}; }};
}

TEST(TuiColumns, TheMostImportantThatFitInTheirOrder)
{
    const std::vector<Column> all{column("a", 2, 5, 5), column("b", 0, 5, 8), column("c", 1, 5, 5),
                                  column("d", 3, 1, 1)};
    EXPECT_EQ(headings(choose_columns(all, 11)), (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(headings(choose_columns(all, 19)), (std::vector<std::string>{"a", "b", "c", "d"}));
    /* "a" has no room: less important "d" does not overtake it. */
    EXPECT_EQ(headings(choose_columns(all, 14)), (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(choose_columns(all, 14)[0].width, 8);
    EXPECT_EQ(choose_columns(all, 1)[0].width, 1);
    EXPECT_EQ(choose_columns(all, 0).size(), 4U);
}

TEST(TuiViews, NoLineIsWiderThanAsked)
{
    const Json v6 = test::flow_row("2001:db8:85a3:1234:5678:8a2e:370:7334", 65535, "2001:db8::1");
    const Json interfaces = Json::array({test::interface("enx0123456789ab", 0.5)});
    for (const TopBy view : {TopBy::Flow, TopBy::Remote, TopBy::Local, TopBy::Service})
        for (int width = 1; width < 260; width++) {
            const auto columns = view_columns(view, Json::array({v6}), RateUnit::Bits, width);
            ASSERT_FALSE(columns.empty());
            EXPECT_LE(line_width(heading_line(columns)), width);
            EXPECT_EQ(line_width(row_line(columns, v6)), line_width(heading_line(columns)));
            EXPECT_LE(line_width(heading_line(total_columns(RateUnit::Bytes, width))), width);
            EXPECT_LE(line_width(heading_line(interface_columns(interfaces, RateUnit::Bits, width))), width);
        }
}

TEST(TuiViews, EightyColumnsShowWholeIpv4EndpointsAndDrops)
{
    const Json row = test::flow_row("198.51.100.100", 51000, "203.0.113.200");
    const auto columns = view_columns(TopBy::Flow, Json::array({row}), RateUnit::Bits, 80);
    const std::string line = plain_text(row_line(columns, row));
    EXPECT_TRUE(line.starts_with("198.51.100.100:51000  203.0.113.200:443     TCP")) << line;
    EXPECT_TRUE(plain_text(heading_line(columns)).contains("DROP"));
}

TEST(TuiViews, NarrowFlowsShowOneRateForBothDirections)
{
    const auto columns = view_columns(TopBy::Flow, Json::array(), RateUnit::Bits, 40);
    EXPECT_EQ(headings(columns), (std::vector<std::string>{"SOURCE", "DESTINATION", "RATE"}));
}

TEST(TuiViews, EndpointsKeepTheirPort)
{
    const Json row = test::flow_row("2001:db8:85a3::8a2e:370:7334", 51000, "2001:db8::1");
    const auto narrow = view_columns(TopBy::Flow, Json::array({row}), RateUnit::Bits, 80);
    EXPECT_TRUE(plain_text(row_line(narrow, row)).starts_with("[2001:db8…370:7334]:51000"))
        << plain_text(row_line(narrow, row));
    const auto whole = view_columns(TopBy::Flow, Json::array({row}), RateUnit::Bits, 0);
    EXPECT_TRUE(plain_text(row_line(whole, row)).starts_with("[2001:db8:85a3::8a2e:370:7334]:51000 "));
}

TEST(TuiViews, IcmpShowsTypeAndCodeAndNoPorts)
{
    Json row = test::flow_row("198.51.100.7", 1);
    row.erase("src_port");
    row.erase("dest_port");
    row.update({{"proto", "ICMP"}, {"icmp_type", 3}, {"icmp_code", 4}});
    const auto columns = view_columns(TopBy::Flow, Json::array({row}), RateUnit::Bits, 100);
    EXPECT_TRUE(plain_text(row_line(columns, row)).contains("ICMP 3/4"));
    EXPECT_FALSE(plain_text(row_line(columns, row)).contains("192.0.2.1:"));
}

TEST(TuiViews, DropsAreAlarming)
{
    Json row = test::flow_row("198.51.100.7", 1);
    const auto columns = view_columns(TopBy::Flow, Json::array({row}), RateUnit::Bits, 120);
    const auto alarms = [&] {
        return std::ranges::count(row_line(columns, row), Style::Alarm, [](const Span &span) { return span.style; });
    };
    EXPECT_EQ(alarms(), 0);
    row["dropped_packets"] = 5;
    EXPECT_EQ(alarms(), 1);
}

TEST(TuiTable, ShowsTotalsInterfacesAndRows)
{
    const auto lines = render_table(test::flows(12, 50000, 3), {.width = 120});
    EXPECT_EQ(lines[0], "2026-11-23T10:00:12.000000Z · tick 12 · flows by rate");
    EXPECT_EQ(lines[1], "accounted 100% · 10 active flows · 1 block");
    EXPECT_TRUE(shows(lines, "rx    1.00Gb"));
    EXPECT_TRUE(shows(lines, "eth0      xdp-native/tcx"));
    EXPECT_TRUE(lines.back().starts_with("198.51.100.7:50002    192.0.2.1:443"));
    for (const std::string &line : lines)
        EXPECT_FALSE(line.ends_with(' '));
}

TEST(TuiTable, ServicesAndAddresses)
{
    Json service = test::row(1000);
    service.update({{"proto", "TCP"}, {"port", 22}, {"peers", 7}});
    EXPECT_TRUE(shows(render_table(test::document(1, {service}, "service"), {.width = 80}), "tcp/22 "));
    const auto remote = render_table(test::document(1, {test::address_row("2001:db8::7")}, "remote"), {.width = 80});
    EXPECT_TRUE(shows(remote, "REMOTE"));
    EXPECT_TRUE(shows(remote, "2001:db8::7"));
}

TEST(TuiTable, SaysWhenNotAllIsAccounted)
{
    Json document = test::flows(1, 1, 1);
    document["interfaces"].push_back(test::interface("eth1", 0.99998));
    const auto lines = render_table(document, {.width = 120});
    EXPECT_TRUE(lines[1].starts_with("accounted 99.99%: see 'flowguard status'"));
    EXPECT_EQ(facts_line(document)[0].style, Style::Alarm);
}

TEST(TuiTable, PutsInterfacesWithTroubleFirstWhenNotAllFit)
{
    Json document = test::flows(1, 1, 1);
    document["interfaces"] = Json::array(
        {test::interface("eth0"), test::interface("eth1"), test::interface("eth2", 0.5)});
    const auto lines = interface_lines(document, {.width = 80}, 2);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_TRUE(plain_text(lines[1]).starts_with("eth2"));
    EXPECT_EQ(plain_text(lines[2]), "and 2 more");
    EXPECT_EQ(interface_lines(document, {.width = 80}, 3).size(), 4U);
    EXPECT_TRUE(interface_lines(document, {.width = 80}, 0).empty());
}

TEST(TuiTable, LetsNoControlCharacterThrough)
{
    Json document = test::flows(1, 1, 1);
    const std::string evil = "x\x1b[2J\n\xc2\x9b\xff";
    for (const char *key : {"timestamp", "filter"})
        document[key] = evil;
    for (const char *key : {"src_ip", "dest_ip", "proto", "state", "direction", "in_iface", "start"})
        document["rows"][0][key] = evil;
    for (const char *key : {"name", "ingress", "egress", "note"})
        document["interfaces"][0][key] = evil;
    for (const char *by : {"flow", "remote", "service", evil.c_str()}) {
        document["by"] = by;
        for (const std::string &line : render_table(document, {}))
            EXPECT_EQ(clean(line), line);
    }
}

TEST(TuiTable, AsciiForOtherLocales)
{
    for (const std::string &line : render_table(test::flows(1, 1, 1), {.width = 30, .ascii = true}))
        EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) << line;
}

TEST(TuiTable, SurvivesAnyDocument)
{
    for (const char *text : {"null", "[]", "3", "{}", R"({"rows": 1, "interfaces": {}, "totals": []})",
                             R"({"rows": [null, 1, [], "x", {"ip": 4, "rx_bps": 2, "vlan": [null, "a"]}]})",
                             R"({"totals": {"rx": 1, "tx": null}, "interfaces": [null, {"accounted": "x"}]})",
                             R"({"tick": -1, "matching": -5, "active_flows": 1e300, "by": 7})"}) {
        const Json document = Json::parse(text);
        for (const int width : {0, 1, 10, 80, 200})
            EXPECT_GE(render_table(document, {.width = width}).size(), 6U) << text;
        for (const Json &row : rows_of(document))
            row_identity(row);
    }
}

} // namespace
} // namespace flowguard
