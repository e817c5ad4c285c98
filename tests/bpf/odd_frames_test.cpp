// SPDX-License-Identifier: Apache-2.0
/* Frames that nobody should send: the kernel program counts them as the user-space parser does, and lets them pass. */
#include "datapath.h"
#include "flow_sums.h"
#include "samples.h"

namespace flowguard::test {
namespace {

class OddFramesTest : public DatapathTest {
  protected:
    void SetUp() override
    {
        DatapathTest::SetUp();
        stay_on_this_cpu();
        load();
    }

    /// To the kernel and to the user-space parser, which gets what lies in the first buffer, as the kernel's does.
    fg_flow_key feed(const Packet &packet)
    {
        EXPECT_EQ(run_xdp(packet), XDP_PASS);
        const auto &bytes = packet.bytes();
        const fg_packet parsed = parse_frame(std::span(bytes).first(std::min(bytes.size(), linear_part)),
                                             FG_LINK_ETHERNET, slot);
        const auto length = static_cast<std::uint32_t>(bytes.size());
        expected_[parsed.key].add(parsed, length, length);
        fed_++;
        return parsed.key;
    }

    /// What was fed since the last time was counted by both alike, to the packet.
    void expect_counted_alike()
    {
        FlowSums kernel;
        for (const Seen &seen : drain())
            kernel.emplace(seen.record.key, FlowSum::of(seen.record));
        for (const std::string &difference : differences(kernel, expected_))
            ADD_FAILURE() << difference;
        EXPECT_EQ(drain_->ledger(slot, FG_RX).total.packets, fed_);
        expected_.clear();
    }

    FlowSums expected_;
    std::uint64_t fed_ = 0;
};

TEST_F(OddFramesTest, EveryKindOfPacketCutToEveryLength)
{
    for (const auto &[what, packet] : samples()) {
        SCOPED_TRACE(what);
        for (std::size_t length = shortest_run; length <= packet.bytes().size(); length++)
            feed(Packet(packet).cut_to(length));
        expect_counted_alike();
    }
}

TEST_F(OddFramesTest, ChainsOfUpToTwentyExtensionHeaders)
{
    for (unsigned headers = 0; headers <= 20; headers++) {
        SCOPED_TRACE(headers);
        Packet packet = v6_sample(headers == 0 ? 17 : 60);
        for (unsigned i = 1; i <= headers; i++)
            packet.extension(i == headers ? 17 : 60);
        const fg_flow_key key = feed(packet.udp(1000, 53));
        const bool in_reach = headers <= FG_MAX_IPV6_EXTENSIONS;
        EXPECT_EQ(key.flags, in_reach ? 0 : FG_KEY_TRUNCATED);
        EXPECT_EQ(key.proto, in_reach ? 17 : 60);
        EXPECT_EQ(key.sport, in_reach ? 1000 : 0);
        EXPECT_EQ(key.dport, in_reach ? 53 : 0);
    }
    expect_counted_alike();
}

TEST_F(OddFramesTest, UpToFourVlanTags)
{
    for (const std::uint16_t tag : std::vector<std::uint16_t>{0x8100, 0x88a8, 0x9100})
        for (unsigned tags = 0; tags <= 4; tags++) {
            SCOPED_TRACE(testing::Message() << tags << " tags of type " << tag);
            Packet packet = Packet().ethernet(tags == 0 ? 0x0800 : tag);
            for (unsigned i = 1; i <= tags; i++)
                packet.vlan(static_cast<std::uint16_t>(10 * i), i == tags ? 0x0800 : tag);
            const fg_flow_key key = feed(packet.ipv4("10.0.0.1", "10.0.0.2", 17).udp(1000, 53));
            const bool in_reach = tags <= FG_MAX_VLANS;
            EXPECT_EQ(key.kind, in_reach ? FG_KIND_IPV4 : FG_KIND_NON_IP);
            EXPECT_EQ(key.sport, in_reach ? 1000 : tag);
            EXPECT_EQ(key.vlan[0], tags >= 1 ? 10 : 0);
            EXPECT_EQ(key.vlan[1], tags >= 2 ? 20 : 0);
        }
    expect_counted_alike();
}

TEST_F(OddFramesTest, JumboFramesAndFramesOfSeveralBuffers)
{
    for (const unsigned length : {1514U, 3520U, 3521U, 9000U, 9018U, 60'000U, 65'549U}) {
        SCOPED_TRACE(length);
        const fg_flow_key key = feed(v4_sample(6).tcp(1000, 80, 0x10).cut_to(length));
        EXPECT_EQ(key.sport, 1000);
        EXPECT_EQ(key.dport, 80);
    }
    expect_counted_alike();
}

/* A program sees the first buffer: ports beyond it are marked as missing, and addresses and bytes are there. */
TEST_F(OddFramesTest, PortsBeyondTheFirstBufferAreMarkedAsMissing)
{
    Packet packet = v6_sample(60).extension(60, 255).extension(17, 255).udp(1000, 53);
    const fg_flow_key key = feed(packet);
    EXPECT_EQ(key.flags, FG_KEY_TRUNCATED);
    EXPECT_EQ(key.kind, FG_KIND_IPV6);
    EXPECT_EQ(key.sport, 0);
    EXPECT_EQ(parse_frame(packet.bytes(), FG_LINK_ETHERNET).key.sport, 1000);
    expect_counted_alike();
}

/* Nothing is put together, so overlapping pieces can neither confuse nor forge ports (RFC 1858, RFC 5722). */
TEST_F(OddFramesTest, OverlappingFragmentsAreCountedAsWhatTheyAre)
{
    constexpr std::uint16_t more = 0x2000;
    const auto v4 = [](unsigned offset) {
        return v4_sample(6, {.fragment_offset = static_cast<std::uint16_t>(offset)});
    };
    const fg_flow_key first = feed(v4(more).tcp(1000, 80, 0x10));
    EXPECT_EQ(first.sport, 1000);
    EXPECT_EQ(first.flags, 0);
    EXPECT_EQ(feed(v4(more).tcp(1000, 22, 0x02)).dport, 22) << "same offset, other ports: as the packet says";
    for (const unsigned offset : {1U, 1U, 2U, 1U | more, 0x1fffU}) {
        SCOPED_TRACE(offset);
        const fg_flow_key later = feed(v4(offset).tcp(2000, 443, 0x02));
        EXPECT_EQ(later.flags, FG_KEY_FRAGMENT);
        EXPECT_EQ(later.sport, 0);
        EXPECT_EQ(later.dport, 0);
    }
    for (const unsigned offset : {0U, 0U, 1U, 1U, 0x1fffU}) {
        SCOPED_TRACE(offset);
        const fg_flow_key key = feed(v6_sample(44).fragment(17, static_cast<std::uint16_t>(offset)).udp(1000, 53));
        EXPECT_EQ(key.flags, offset ? FG_KEY_FRAGMENT : 0);
        EXPECT_EQ(key.sport, offset ? 0 : 1000);
    }
    expect_counted_alike();
}

} // namespace
} // namespace flowguard::test
