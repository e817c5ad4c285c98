// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

/// A host that does nearly all by TCP.
class MixProtocol : public ::testing::Test {
  protected:
    static constexpr const char *host = "192.168.1.10";

    void send(std::uint8_t proto, std::uint64_t bytes, std::uint16_t port = 7'000)
    {
        const bool icmp = proto == FG_PROTO_ICMP;
        rig.send(proto, {host, icmp ? std::uint16_t{8} : std::uint16_t{40'000}},
                 {"203.0.113.1", icmp ? std::uint16_t{0} : port}, {.packets = bytes / 1'000, .bytes = bytes});
    }
    void learn()
    {
        for (unsigned i = 0; i < 7'200; i++) {
            send(FG_PROTO_TCP, 50'000, 443);
            send(FG_PROTO_UDP, 1'000, 53);
            rig.tick();
        }
        rig.detection().baselines().trust();
    }
    /// `bytes` per second for eleven minutes, beside the usual TCP.
    void watch(std::uint8_t proto, std::uint64_t bytes, std::uint64_t tcp = 50'000, std::uint16_t port = 7'000)
    {
        for (int i = 0; i < 660; i++) {
            send(FG_PROTO_TCP, tcp, 443);
            send(proto, bytes, port);
            rig.tick();
        }
    }
    std::vector<Incident> found() const { return rig.incidents("mix.protocol"); }

    Rig rig{only()};

  private:
    static DetectionConfig only()
    {
        DetectionConfig config;
        for (const DetectorInfo *info : catalogue())
            if (info->id != "mix.protocol")
                config.disabled.emplace(info->id);
        return config;
    }
};

TEST_F(MixProtocol, ThatTurnsToIcmpIsTold)
{
    learn();
    watch(FG_PROTO_ICMP, 30'000);
    ASSERT_EQ(found().size(), 1U);
    const Finding finding = found()[0].finding;
    EXPECT_EQ(finding.subject.source->to_string(), host);
    EXPECT_EQ(finding.subject.proto, FG_PROTO_ICMP);
    EXPECT_NE(finding.explanation.find("of the bytes of 192.168.1.10"), std::string::npos) << finding.explanation;
}

TEST_F(MixProtocol, ThatTurnsToUdpIsTold)
{
    learn();
    watch(FG_PROTO_UDP, 200'000);
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(MixProtocol, OfTooSmallAShareIsNotTold)
{
    learn();
    watch(FG_PROTO_ICMP, 20'000, 90'000);
    EXPECT_TRUE(found().empty());
}

TEST_F(MixProtocol, OfTooLittleIsNotTold)
{
    learn();
    watch(FG_PROTO_ICMP, 10'000, 5'000); /* 3 MB in five minutes */
    EXPECT_TRUE(found().empty());
}

TEST_F(MixProtocol, WhereTheOthersFellSilentIsNotTold)
{
    learn();
    watch(FG_PROTO_UDP, 1'000, 0, 53);
    EXPECT_TRUE(found().empty());
}

TEST_F(MixProtocol, ThatGrowsAsItIsIsNotTold)
{
    learn();
    watch(FG_PROTO_TCP, 5'000'000);
    EXPECT_TRUE(found().empty());
}

TEST_F(MixProtocol, OfABrowserThatTurnsToQuicIsNotTold)
{
    learn();
    watch(FG_PROTO_UDP, 500'000, 10'000, 443);
    EXPECT_TRUE(found().empty());
}

} // namespace
} // namespace flowguard::test
