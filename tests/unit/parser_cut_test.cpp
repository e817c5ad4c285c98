// SPDX-License-Identifier: Apache-2.0
/* Packets cut to every length, also to those that PROG_TEST_RUN refuses. */
#include "../bpf/flow_sums.h"
#include "../bpf/samples.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

/// A copy of exactly that length, so that the address sanitizer sees what is read beyond its end.
fg_flow_key parse_cut(const Packet &packet, std::size_t from, std::size_t length, fg_link link)
{
    const auto begin = packet.bytes().begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<std::uint8_t> cut(begin, begin + static_cast<std::ptrdiff_t>(length));
    return parse_frame(cut, link).key;
}

bool has_ports(const fg_flow_key &key) { return key.sport != 0 || key.dport != 0; }

/// Cutting takes knowledge away and adds none.
void expect_no_invention(const fg_flow_key &cut, const fg_flow_key &whole)
{
    EXPECT_GE(cut.kind, FG_KIND_IPV4);
    EXPECT_LE(cut.kind, FG_KIND_MALFORMED);
    if (cut.kind > FG_KIND_IPV6)
        return;
    EXPECT_EQ(cut.kind, whole.kind);
    EXPECT_EQ(std::memcmp(cut.src, whole.src, sizeof cut.src), 0);
    EXPECT_EQ(std::memcmp(cut.dst, whole.dst, sizeof cut.dst), 0);
    if (has_ports(cut)) {
        EXPECT_EQ(cut.sport, whole.sport);
        EXPECT_EQ(cut.dport, whole.dport);
    }
    if (has_ports(whole) && !has_ports(cut)) {
        EXPECT_TRUE(cut.flags & FG_KEY_TRUNCATED);
    }
    if (cut.proto != whole.proto) {
        EXPECT_TRUE(cut.flags & FG_KEY_TRUNCATED);
    }
}

TEST(ParserCut, ACutPacketHasThePortsOfTheWholeOneOrNone)
{
    for (const auto &[what, packet] : samples()) {
        const std::size_t size = packet.bytes().size();
        const fg_flow_key whole = parse_cut(packet, 0, size, FG_LINK_ETHERNET);
        for (std::size_t length = 0; length <= size; length++) {
            SCOPED_TRACE(testing::Message() << what << " cut to " << length);
            expect_no_invention(parse_cut(packet, 0, length, FG_LINK_ETHERNET), whole);
        }
    }
}

TEST(ParserCut, LessThanAnEthernetHeaderIsNotIp)
{
    for (const auto &[what, packet] : samples())
        for (std::size_t length = 0; length < 14; length++) {
            SCOPED_TRACE(testing::Message() << what << " cut to " << length);
            const fg_flow_key key = parse_cut(packet, 0, length, FG_LINK_ETHERNET);
            EXPECT_EQ(key.kind, FG_KIND_NON_IP);
            EXPECT_EQ(key.sport, FG_ETHER_LLC);
        }
}

TEST(ParserCut, EveryProtocolWithPortsHasThemInItsFirstFourBytes)
{
    for (const std::uint8_t proto : std::vector<std::uint8_t>{6, 17, 33, 132, 136}) {
        SCOPED_TRACE(testing::Message() << "protocol " << int{proto});
        const Packet packet = v4_sample(proto).udp(1000, 53).zeros(12);
        for (const std::size_t payload : {4U, 8U, 20U}) {
            const fg_flow_key key = parse_cut(packet, 0, 34 + payload, FG_LINK_ETHERNET);
            EXPECT_EQ(key.sport, 1000);
            EXPECT_EQ(key.dport, 53);
            EXPECT_EQ(key.flags, 0);
        }
        EXPECT_EQ(parse_cut(packet, 0, 34 + 3, FG_LINK_ETHERNET).flags, FG_KEY_TRUNCATED);
    }
}

TEST(ParserCut, RawIpCutToEveryLength)
{
    for (const auto &[what, packet] : samples()) {
        const std::size_t size = packet.bytes().size() - 14;
        const fg_flow_key whole = parse_cut(packet, 14, size, FG_LINK_RAW_IP);
        EXPECT_EQ(parse_cut(packet, 14, 0, FG_LINK_RAW_IP).kind, FG_KIND_NON_IP);
        for (std::size_t length = 1; length <= size; length++) {
            SCOPED_TRACE(testing::Message() << what << " cut to " << length);
            expect_no_invention(parse_cut(packet, 14, length, FG_LINK_RAW_IP), whole);
        }
    }
}

} // namespace
} // namespace flowguard::test
