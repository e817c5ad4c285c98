// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/config.h"

#include "flowguard/kernel/maps.h"

#include <gtest/gtest.h>

#include <fstream>
#include <unistd.h>

namespace flowguard {
namespace {

class ConfigTest : public testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }
    Result<Config> read(const std::string &text)
    {
        std::ofstream(path_) << text;
        return load_config(path_, true);
    }
    std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                  ("flowguard-config-" + std::to_string(getpid()));
};

TEST_F(ConfigTest, ReadsEveryKindOfValue)
{
    const auto config = read("capacity = 1024\ntick_ms = 200\nprotect = ['192.0.2.1', '2001:db8::1']\n"
                             "interfaces = ['eth0']\ntunnels = true\nidle_timeout = 5\nmax_flows = 1000\nlog_file = "
                             "'/var/log/flowguard.log'\n");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->capacity, 1024U);
    EXPECT_EQ(config->tick_ms, 200U);
    EXPECT_EQ(config->protect.size(), 2U);
    EXPECT_EQ(config->interfaces, std::vector<std::string>{"eth0"});
    EXPECT_TRUE(config->tunnels);
    EXPECT_EQ(config->flows.idle_timeout, std::chrono::seconds(5));
    EXPECT_EQ(config->flows.max_flows, 1000U);
}

TEST_F(ConfigTest, NamesLineAndColumn)
{
    const auto wrong = [this](const std::string &text, const std::string &part) {
        const auto config = read(text);
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().code, ExitCode::Usage);
        EXPECT_NE(config.error().message.find(part), std::string::npos) << config.error().message;
    };
    wrong("capacity = 1024\ntick_ms = 'fast'\n", ":2:");
    wrong("\n\nunknown = 1\n", ":3:");
    wrong("tick_ms = \n", ":1:");
    wrong("tick_ms = 1\n", "from 100 to 1000");
    wrong("protect = ['1.2.3']\n", "'1.2.3' is not an IP address");
    wrong("protect = 'x'\n", "list");
    wrong("tunnels = 'yes'\n", "true or false");
}

TEST_F(ConfigTest, AMissingFileIsTheDefaultsUnlessAskedFor)
{
    EXPECT_TRUE(load_config("/nonexistent/flowguard.toml", false));
    EXPECT_EQ(load_config("/nonexistent/flowguard.toml", true).error().code, ExitCode::Usage);
}

TEST(Capacity, MustBeAPowerOfTwoThatFits)
{
    constexpr std::uint64_t gigabyte = 1ULL << 30;
    EXPECT_TRUE(check_capacity(65536, 4, 16 * gigabyte));
    EXPECT_EQ(check_capacity(1000, 4, 16 * gigabyte).error().code, ExitCode::Usage);
    EXPECT_NE(check_capacity(1000, 4, 16 * gigabyte).error().message.find("1024"), std::string::npos);
    EXPECT_EQ(check_capacity(FG_MIN_CAPACITY / 2, 4, 16 * gigabyte).error().code, ExitCode::Usage);
    EXPECT_EQ(check_capacity(FG_MAX_CAPACITY, 64, gigabyte).error().code, ExitCode::Failed);
    EXPECT_LE(map_memory(default_capacity(64, 2 * gigabyte), 64), 2 * gigabyte / 20);
    /* Beyond the smallest table there is nothing left to save: the aggregates of a flood take 1 MiB a CPU, rules
       and the buckets of limits 8 MiB. */
    EXPECT_EQ(default_capacity(64, gigabyte), FG_MIN_CAPACITY);
    EXPECT_LE(map_memory(FG_MIN_CAPACITY, 64), 72ULL << 20);
}

} // namespace
} // namespace flowguard
