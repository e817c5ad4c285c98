// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/feeds.h"
#include "flowguard/feeds/feed_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <unistd.h>

namespace flowguard {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

AddressRange range(std::string_view first, std::string_view last) { return {address(first), address(last)}; }

ParsedFeed parse(std::string_view text, std::string_view format = "plain")
{
    return parse_feed(text, FeedSyntax::parse(format).value());
}

TEST(Feeds, PlainListsHoldAddressesNetworksAndRanges)
{
    const ParsedFeed feed = parse("# a list\n198.51.100.7\n 203.0.113.0/24\n2001:db8::/48\n192.0.2.1-192.0.2.9\n"
                                  "192.0.2.16 - 192.0.2.17\n198.51.100.8 # seen today\n"
                                  "198.51.100.9 brute-force\n");
    const std::vector expected{range("198.51.100.7", "198.51.100.7"),
                               range("203.0.113.0", "203.0.113.255"),
                               range("2001:db8::", "2001:db8:0:ffff:ffff:ffff:ffff:ffff"),
                               range("192.0.2.1", "192.0.2.9"),
                               range("192.0.2.16", "192.0.2.17"),
                               range("198.51.100.8", "198.51.100.8"),
                               range("198.51.100.9", "198.51.100.9")};
    EXPECT_EQ(feed.ranges, expected);
    EXPECT_EQ(feed.lines, 8U);
    EXPECT_EQ(feed.garbage, 0U);
    EXPECT_TRUE(feed.complaints.empty());
}

TEST(Feeds, DropNamesItsEntriesAfterASemicolon)
{
    const ParsedFeed feed = parse("; Spamhaus DROP List\r\n1.10.16.0/20 ; SBL256894\r\n", "drop");
    EXPECT_EQ(feed.ranges, std::vector{range("1.10.16.0", "1.10.31.255")});
    EXPECT_EQ(feed.garbage, 0U);
}

TEST(Feeds, HostBitsOfANetworkAreNoMistake)
{
    EXPECT_EQ(parse("203.0.113.77/24").ranges, std::vector{range("203.0.113.0", "203.0.113.255")});
}

TEST(Feeds, GarbageIsNamedByLineAndTheRestIsUsed)
{
    const ParsedFeed feed = parse("198.51.100.7\nrubbish\n198.51.100.300\n1.2.3.0/33\n9.9.9.9-8.8.8.8\n198.51.100.8");
    EXPECT_EQ(feed.ranges.size(), 2U);
    EXPECT_EQ(feed.garbage, 4U);
    ASSERT_EQ(feed.complaints.size(), 4U);
    EXPECT_EQ(feed.complaints[0], (FeedComplaint{2, "'rubbish' is no address, network or range"}));
    EXPECT_EQ(feed.complaints[3].line, 5U);
}

TEST(Feeds, EntriesAreBounded)
{
    std::string text;
    for (std::size_t i = 0; i < ParsedFeed::max_entries + 5; i++)
        text += "a.b\n";
    const ParsedFeed feed = parse(text, "domains");
    EXPECT_EQ(feed.names.size(), ParsedFeed::max_entries);
    EXPECT_EQ(feed.left_out, 5U);
    EXPECT_EQ(feed.garbage, 0U);
}

TEST(Feeds, ComplaintsAreBoundedAndPrintable)
{
    std::string text;
    for (int i = 0; i < 1000; i++)
        text += std::string(500, '\x1b') + "\n";
    const ParsedFeed feed = parse(text);
    EXPECT_EQ(feed.garbage, 1000U);
    ASSERT_EQ(feed.complaints.size(), ParsedFeed::max_complaints);
    EXPECT_LT(feed.complaints[0].what.size(), 100U);
    EXPECT_EQ(feed.complaints[0].what.find('\x1b'), std::string::npos);
}

TEST(Feeds, NeverBlacklistsEverybody)
{
    for (const char *entry :
         {"0.0.0.0/0", "10.0.0.0/8", "10.1.2.3", "127.0.0.1", "192.168.0.0/16", "172.16.5.0/24", "169.254.0.0/16",
          "100.64.0.1", "224.0.0.0/4", "255.255.255.255", "0.0.0.0", "9.0.0.0-11.0.0.0", "8.0.0.0/7", "::/0", "::1",
          "fe80::/10", "fd00::1", "ff02::1", "2000::/8"}) {
        const ParsedFeed feed = parse(entry);
        EXPECT_TRUE(feed.ranges.empty()) << entry;
        EXPECT_EQ(feed.refused, 1U) << entry;
        ASSERT_EQ(feed.complaints.size(), 1U) << entry;
        EXPECT_EQ(feed.complaints[0].line, 1U);
    }
    EXPECT_EQ(parse("8.0.0.0/8").ranges.size(), 1U);
    EXPECT_EQ(parse("172.32.0.0/16").ranges.size(), 1U);
}

TEST(Feeds, HostsFilesGiveNames)
{
    const ParsedFeed feed = parse(
        "127.0.0.1 localhost\n0.0.0.0 Bad.Example. evil.example # both\nbad.example\n0.0.0.0 0.0.0.0\n", "hosts");
    EXPECT_EQ(feed.names, (std::vector<std::string>{"bad.example", "evil.example"}));
    EXPECT_TRUE(feed.ranges.empty()) << "its addresses are where names are sent to, not who is bad";
    ASSERT_EQ(feed.complaints.size(), 1U);
    EXPECT_EQ(feed.complaints[0].line, 3U);
}

TEST(Feeds, DomainLists)
{
    const ParsedFeed feed = parse("bad.example\nnodots\n198.51.100.7\na..b\n", "domains");
    EXPECT_EQ(feed.names, std::vector<std::string>{"bad.example"});
    EXPECT_EQ(feed.garbage, 3U);
}

TEST(Feeds, CsvByNumber)
{
    const ParsedFeed feed = parse("first_seen,ip,port\n2024-01-01,198.51.100.8,443\n\"a, b\",198.51.100.9:8080,1\nx\n",
                                  "csv:2");
    EXPECT_EQ(feed.ranges, (std::vector{range("198.51.100.8", "198.51.100.8"), range("198.51.100.9", "198.51.100.9")}));
    ASSERT_EQ(feed.complaints.size(), 1U) << "the heading is no garbage";
    EXPECT_EQ(feed.complaints[0], (FeedComplaint{4, "'x' has no column 2"}));
}

TEST(Feeds, CsvByName)
{
    const ParsedFeed feed = parse("# comment\ndate;ip\n2024-01-01;198.51.100.8\n", "csv:ip");
    EXPECT_EQ(feed.ranges.size(), 1U);
    const ParsedFeed wrong = parse("date;address\n2024-01-01;198.51.100.8\n", "csv:ip");
    EXPECT_TRUE(wrong.ranges.empty());
    ASSERT_EQ(wrong.complaints.size(), 1U);
    EXPECT_NE(wrong.complaints[0].what.find("no column ip"), std::string::npos);
}

TEST(Feeds, UnknownFormatsAreRefused)
{
    for (const char *format : {"", "xml", "csv:", "csv:0"}) {
        const auto syntax = FeedSyntax::parse(format);
        ASSERT_FALSE(syntax) << format;
        EXPECT_EQ(syntax.error().code, ExitCode::Usage);
    }
}

class FeedFilesTest : public testing::Test {
  protected:
    FeedFilesTest() : path_(testing::TempDir() + "feed_" + std::to_string(::getpid())) {}
    ~FeedFilesTest() override { std::filesystem::remove(path_); }
    void write(std::string_view text) const { std::ofstream(path_) << text; }

    std::filesystem::path path_;
};

TEST_F(FeedFilesTest, ReadsWhatChanged)
{
    write("198.51.100.7\n");
    FeedFiles files({{.name = "mine", .path = path_, .syntax = {}}});
    EXPECT_TRUE(files.refresh());
    EXPECT_FALSE(files.refresh());
    EXPECT_TRUE(files.reputation().listed(address("198.51.100.7")));
    write("198.51.100.77\n");
    EXPECT_TRUE(files.refresh());
    EXPECT_FALSE(files.reputation().listed(address("198.51.100.7")));
    EXPECT_EQ(*files.reputation().listed(address("198.51.100.77")), "mine");
}

TEST_F(FeedFilesTest, KeepsWhatItHadWhenAFileVanishes)
{
    write("198.51.100.7\n");
    FeedFiles files({{.name = "mine", .path = path_, .syntax = {}}});
    files.refresh();
    std::filesystem::remove(path_);
    EXPECT_FALSE(files.refresh());
    EXPECT_NE(files.states()[0].error.find("cannot read the feed"), std::string::npos);
    EXPECT_TRUE(files.reputation().listed(address("198.51.100.7")));
}

TEST_F(FeedFilesTest, SourcesAreGivenInOneWord)
{
    const auto source = FeedSource::parse("drop=/etc/a,b/drop.csv,csv:2");
    ASSERT_TRUE(source);
    EXPECT_EQ(source->name, "drop");
    EXPECT_EQ(source->path, "/etc/a,b/drop.csv");
    EXPECT_EQ(source->syntax.column, 2U);
    EXPECT_FALSE(FeedSource::parse("drop"));
    EXPECT_FALSE(FeedSource::parse("=file"));
    EXPECT_FALSE(FeedSource::parse("drop=file,xml"));
}

} // namespace
} // namespace flowguard
