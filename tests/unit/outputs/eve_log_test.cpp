// SPDX-License-Identifier: Apache-2.0
#include "flowguard/outputs/eve_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <unistd.h>

namespace flowguard::test {
namespace {

class EveLogTest : public testing::Test {
  protected:
    void SetUp() override { std::filesystem::remove_all(directory_); }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::unique_ptr<EveLog> open(std::uint64_t max_bytes = 0, unsigned kept = 2)
    {
        auto log = EveLog::open({.path = path_, .max_bytes = max_bytes, .kept = kept});
        EXPECT_TRUE(log) << log.error().message;
        return log ? std::move(*log) : nullptr;
    }
    static std::string text(const std::filesystem::path &path)
    {
        std::ostringstream all;
        all << std::ifstream(path).rdbuf();
        return all.str();
    }

    std::filesystem::path directory_ = std::filesystem::temp_directory_path() /
                                       ("flowguard-eve-" + std::to_string(getpid()));
    std::filesystem::path path_ = directory_ / "below" / "eve.json";
};

TEST_F(EveLogTest, MakesItsDirectoryAndAppends)
{
    EXPECT_TRUE(open()->write("{1}"));
    EXPECT_TRUE(open()->write("{2}"));
    EXPECT_EQ(text(path_), "{1}\n{2}\n");
    EXPECT_EQ(std::filesystem::status(path_).permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
}

TEST_F(EveLogTest, EndsALineThatWasCutBefore)
{
    std::filesystem::create_directories(path_.parent_path());
    std::ofstream(path_) << "{1}\n{half";
    EXPECT_TRUE(open()->write("{2}"));
    EXPECT_EQ(text(path_), "{1}\n{half\n{2}\n");
}

TEST_F(EveLogTest, GoesOnInANewFileWhenTheOldOneWasMovedAway)
{
    const auto log = open();
    EXPECT_TRUE(log->write("{1}"));
    const auto moved = directory_ / "moved";
    std::filesystem::rename(path_, moved);
    EXPECT_TRUE(log->write("{2}"));
    log->reopen();
    EXPECT_TRUE(log->write("{3}"));
    EXPECT_EQ(text(moved), "{1}\n{2}\n") << "until it is told, it does not know";
    EXPECT_EQ(text(path_), "{3}\n");
}

TEST_F(EveLogTest, GoesOnAtTheStartOfAFileThatWasCut)
{
    const auto log = open();
    EXPECT_TRUE(log->write("{1}"));
    std::filesystem::resize_file(path_, 0);
    EXPECT_TRUE(log->write("{2}"));
    EXPECT_EQ(text(path_), "{2}\n");
}

TEST_F(EveLogTest, RotatesBySizeAndKeepsAsManyAsAsked)
{
    const auto log = open(8, 2);
    for (const char *line : {"{00001}", "{00002}", "{00003}", "{4}"})
        EXPECT_TRUE(log->write(line));
    EXPECT_EQ(text(path_), "{4}\n");
    EXPECT_EQ(text(path_.string() + ".1"), "{00003}\n");
    EXPECT_EQ(text(path_.string() + ".2"), "{00002}\n");
    EXPECT_FALSE(std::filesystem::exists(path_.string() + ".3"));
}

TEST_F(EveLogTest, AFullDiskIsAnErrorAndTheNextLineIsTriedAgain)
{
    auto log = EveLog::open({.path = "/dev/full"});
    ASSERT_TRUE(log);
    for (int i = 0; i < 2; i++) {
        const auto written = (*log)->write("{1}");
        ASSERT_FALSE(written);
        EXPECT_NE(written.error().message.find("/dev/full"), std::string::npos);
    }
}

TEST_F(EveLogTest, WhatCannotBeOpenedIsNamed)
{
    const auto log = EveLog::open({.path = "/proc/nowhere/eve.json"});
    ASSERT_FALSE(log);
    EXPECT_NE(log.error().message.find("/proc/nowhere/eve.json"), std::string::npos);
}

} // namespace
} // namespace flowguard::test
