// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/baselines_codec.h"

#include "rig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

namespace flowguard::test {
namespace {

/// Of some hosts that were watched for some hours.
Baselines learnt(unsigned ticks = 5'000)
{
    DetectionConfig quiet;
    for (const DetectorInfo *info : catalogue())
        quiet.disabled.emplace(info->id);
    Rig rig(quiet);
    for (unsigned i = 0; i < ticks; i++) {
        for (unsigned ours = 0; ours < 3; ours++) {
            const std::string host = fmt::format("192.168.1.{}", ours + 1);
            rig.send(FG_PROTO_UDP, {host, 40'000}, {fmt::format("203.0.{}.7", i % 50), 53},
                     {.packets = 1 + i % 7, .bytes = 100 * (1 + i % 7)});
            rig.send(FG_PROTO_UDP, {fmt::format("203.0.{}.7", i % 50), 53}, {host, 40'000},
                     {.packets = 1, .bytes = 500});
        }
        rig.send(FG_PROTO_TCP, {"2001:db8::7", 50'000}, {"fe80::1", 22}, {.packets = 3, .bytes = 300});
        rig.send(FG_PROTO_TCP, {"fe80::1", 22}, {"2001:db8::7", 50'000}, {.packets = 3, .bytes = 3'000});
        rig.tick(i % 100 == 0 ? 60 : 1);
    }
    return std::move(rig.detection().baselines());
}

TEST(BaselinesCodec, GivesBackWhatItWasGiven)
{
    const Baselines before = learnt();
    const std::string bytes = encode_baselines(before);
    const auto after = decode_baselines(bytes);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(encode_baselines(*after), bytes);
    EXPECT_TRUE(after->knows_peer(*IpAddress::parse("203.0.9.7")));
    EXPECT_TRUE(after->knows_remote_port(FG_PROTO_UDP, 53));
    EXPECT_TRUE(after->knows_service(*IpAddress::parse("fe80::1"), FG_PROTO_TCP, 22));
    const SeriesKey key{.host = *IpAddress::parse("192.168.1.2"), .quantity = Quantity::BitsOut};
    const TimeNs now = 1'700'100'000'000'000'000;
    EXPECT_GT(after->forecast(key, now).expected(), 100);
    EXPECT_EQ(after->forecast(key, now).location, before.forecast(key, now).location);
    EXPECT_EQ(after->forecast(key, now).scale, before.forecast(key, now).scale);
}

TEST(BaselinesCodec, GivesTheSameBytesForTheSameTraffic)
{
    EXPECT_EQ(encode_baselines(learnt(300)), encode_baselines(learnt(300)));
}

TEST(BaselinesCodec, SpeaksJsonToo)
{
    const Baselines before = learnt();
    const Json json = baselines_to_json(before);
    const auto after = baselines_from_json(Json::parse(json.dump()));
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(encode_baselines(*after), encode_baselines(before));
}

TEST(BaselinesCodec, ReadsNothingIntoNothing)
{
    const auto empty = decode_baselines(encode_baselines(Baselines()));
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->knowledge(), Maturity::None);
    EXPECT_FALSE(decode_baselines(""));
    EXPECT_NE(decode_baselines("FGB\x07xyz").error().message.find("another version"), std::string::npos);
}

TEST(BaselinesCodec, SaysSoWhenItIsCutOrLonger)
{
    const std::string bytes = encode_baselines(learnt(300));
    for (std::size_t length = 0; length < bytes.size(); length += 7)
        EXPECT_FALSE(decode_baselines(bytes.substr(0, length)));
    EXPECT_FALSE(decode_baselines(bytes + "x"));
}

TEST(BaselinesCodec, SurvivesEveryDamagedByte)
{
    const std::string bytes = encode_baselines(learnt(300));
    for (std::size_t i = 0; i < bytes.size(); i++)
        for (const int change : {1, 0x80, 0xff}) {
            std::string damaged = bytes;
            damaged[i] = static_cast<char>(damaged[i] ^ change);
            const auto read = decode_baselines(damaged);
            EXPECT_TRUE(!read || check_baselines(read->state())) << "what it says may be wrong, but not absurd";
        }
}

TEST(BaselinesCodec, RefusesJsonThatIsWrong)
{
    const Json good = baselines_to_json(learnt(300));
    const auto refused = [&](const char *pointer, const Json &value) {
        Json bad = good;
        bad[Json::json_pointer(pointer)] = value;
        const auto read = baselines_from_json(bad);
        return !read && !read.error().message.empty();
    };
    EXPECT_TRUE(refused("/format", "other"));
    EXPECT_TRUE(refused("/version", 2));
    EXPECT_TRUE(refused("/clock", -1));
    EXPECT_TRUE(refused("/clock", 18'000'000'000'000'000'000U));
    EXPECT_TRUE(refused("/hour", 1e300));
    EXPECT_TRUE(refused("/hour", std::numeric_limits<std::int64_t>::min()));
    EXPECT_TRUE(refused("/entities/1/hour", std::numeric_limits<std::int64_t>::min()));
    EXPECT_TRUE(refused("/entities/1/host", "nowhere"));
    EXPECT_TRUE(refused("/entities/1/host", 7));
    EXPECT_TRUE(refused("/entities/1/port", 70'000));
    EXPECT_TRUE(refused("/entities/1/hours", Json::array({168})));
    EXPECT_TRUE(refused("/entities/1/habits/share", Json::array()));
    EXPECT_TRUE(refused("/entities/1/series", Json::object()));
    EXPECT_TRUE(refused("/entities/1/series/bits_in/current", Json::array({-1})));
    EXPECT_TRUE(refused("/peers/0", Json::array({"xyz", 0})));
    EXPECT_TRUE(refused("/peers/0/1", 60'000)) << "used in the future";
    EXPECT_TRUE(baselines_from_json(good));
    EXPECT_FALSE(baselines_from_json(Json::array()));
    EXPECT_FALSE(baselines_from_json("text"));
}

} // namespace
} // namespace flowguard::test
