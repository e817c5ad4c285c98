// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

#include "flowguard/store/baseline_store.h"
#include "flowguard/store/incident_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace flowguard::test {
namespace {

constexpr TimeNs now = 1'700'000'000'000'000'000;

void write(const std::filesystem::path &path, std::string_view text, std::streamoff at = 0)
{
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    if (!file)
        file.open(path, std::ios::binary | std::ios::out);
    file.seekp(at);
    file << text;
}

Json incident(const std::string &id, const std::string &detector, const std::string &state)
{
    return {{"src_ip", "192.0.2.1"},
            {"alert", {{"severity", 2}}},
            {"flowguard", {{"incident_id", id}, {"detector", detector}, {"state", state}}}};
}

TEST(Database, MakesItsDirectoryAndKeepsWhatWasCommitted)
{
    const Scratch scratch;
    const auto path = scratch / "deep" / "state.db";
    {
        const auto database = Database::open(path, now);
        ASSERT_TRUE(database) << database.error().message;
        EXPECT_EQ(database->remark(), "");
        ASSERT_TRUE(BaselineStore(*database).save(std::string_view("a\0b", 3), now));
    }
    const auto again = Database::open(path, now);
    ASSERT_TRUE(again);
    const auto saved = BaselineStore(*again).load();
    ASSERT_TRUE(saved && *saved);
    EXPECT_EQ((*saved)->encoded, std::string("a\0b", 3));
    EXPECT_EQ((*saved)->time, now);
    ASSERT_TRUE(BaselineStore(*again).reset());
    EXPECT_FALSE(BaselineStore(*again).load().value());
}

TEST(Database, ThatIsNoneIsSetAsideWithASentence)
{
    const Scratch scratch;
    const auto path = scratch / "state.db";
    write(path, std::string(5000, 'x'));
    const auto database = Database::open(path, now);
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_NE(database->remark().find("damaged-1700000000"), std::string::npos) << database->remark();
    EXPECT_EQ(std::filesystem::file_size(path.string() + ".damaged-1700000000"), 5000U);
    EXPECT_TRUE(IncidentStore(*database).put(incident("a", "x.y", "open"), 1, 2, "a", true));
}

TEST(Database, WithADamagedPageIsSetAside)
{
    const Scratch scratch;
    const auto path = scratch / "state.db";
    {
        const auto database = Database::open(path, now);
        for (int i = 0; i < 500; i++)
            ASSERT_TRUE(IncidentStore(*database).put(incident(std::to_string(i), "x.y", "open"), i, i,
                                                     std::to_string(i), true));
    }
    write(path, std::string(8000, '\xa5'), 8192);
    EXPECT_FALSE(Database::open_read_only(path));
    const auto database = Database::open(path, now);
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_NE(database->remark().find("start afresh"), std::string::npos);
    EXPECT_TRUE(IncidentStore(*database).list(0, false).value().empty());
}

TEST(Database, OfANewerVersionIsLeftAlone)
{
    const Scratch scratch;
    const auto path = scratch / "state.db";
    ASSERT_TRUE(Database::open(path, now)->execute("PRAGMA user_version = 99"));
    const auto database = Database::open(path, now);
    ASSERT_FALSE(database);
    EXPECT_NE(database.error().message.find("newer flowguard"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Database, ThatIsHeldByAnotherIsNotTakenForDamaged)
{
    const Scratch scratch;
    const auto path = scratch / "state.db";
    const auto holder = Database::open(path, now);
    ASSERT_TRUE(holder->execute("PRAGMA user_version = 0; DROP TABLE incident; DROP TABLE baseline; BEGIN EXCLUSIVE"));
    const auto database = Database::open(path, now);
    ASSERT_FALSE(database);
    EXPECT_NE(database.error().message.find("in use"), std::string::npos) << database.error().message;
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Database, ThatIsFullSaysSoAndKeepsWhatItHad)
{
    const Scratch scratch;
    const auto database = Database::open(scratch / "state.db", now);
    ASSERT_TRUE(BaselineStore(*database).save("before", now));
    ASSERT_TRUE(database->execute("PRAGMA max_page_count = 20"));
    const auto done = BaselineStore(*database).save(std::string(1'000'000, 'x'), now);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("the disk is full"), std::string::npos) << done.error().message;
    EXPECT_EQ(BaselineStore(*database).load().value()->encoded, "before");
}

TEST(Database, ThatIsNotThereIsNotMadeForReading)
{
    const Scratch scratch;
    const auto database = Database::open_read_only(scratch / "none.db");
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, ExitCode::NotRunning);
    EXPECT_FALSE(std::filesystem::exists(scratch / "none.db"));
}

TEST(Transaction, ThatIsNotCommittedLeavesNothing)
{
    const Scratch scratch;
    const auto database = Database::open(scratch / "state.db", now);
    {
        const auto transaction = Transaction::begin(*database);
        ASSERT_TRUE(transaction);
        ASSERT_TRUE(BaselineStore(*database).save("half", now));
    }
    EXPECT_FALSE(BaselineStore(*database).load().value());
}

TEST(IncidentStore, ReplacesListsAndFinds)
{
    const Scratch scratch;
    const auto database = Database::open(scratch / "state.db", now);
    const IncidentStore store(*database);
    ASSERT_TRUE(store.put(incident("b", "scan.port", "open"), 20, 25, "b", true));
    ASSERT_TRUE(store.put(incident("a", "c2.beacon", "open"), 10, 12, "a", true));
    ASSERT_TRUE(store.put(incident("a", "c2.beacon", "closed"), 10, 30, "a", false));
    const auto all = store.list(0, false).value();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0]["flowguard"]["incident_id"], "a");
    EXPECT_EQ(all[0]["flowguard"]["state"], "closed");
    EXPECT_EQ(store.list(0, true).value().size(), 1U);
    EXPECT_EQ(store.list(26, false).value().size(), 1U);
    EXPECT_EQ(store.list(0, false, 1).value()[0]["flowguard"]["incident_id"], "b") << "the latest";
    EXPECT_EQ(store.find("b").value().at(0)["flowguard"]["detector"], "scan.port");
    EXPECT_TRUE(store.find("'; DROP TABLE incident").value().empty());
}

TEST(IncidentStore, ClosesWhatWasLeftOpen)
{
    const Scratch scratch;
    const auto database = Database::open(scratch / "state.db", now);
    const IncidentStore store(*database);
    ASSERT_TRUE(store.put(incident("a", "c2.beacon", "open"), 10, 12, "a", true));
    EXPECT_EQ(store.close_left_open().value(), 1);
    EXPECT_TRUE(store.list(0, true).value().empty());
    EXPECT_EQ(store.find("a").value().at(0)["flowguard"]["state"], "closed");
}

TEST(IncidentStore, PrunesByAgeAndNumberAndSparesWhatIsOpen)
{
    const Scratch scratch;
    const auto database = Database::open(scratch / "state.db", now);
    const IncidentStore store(*database);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(store.put(incident(fmt::format("{}", i), "x.y", "closed"), i, i, fmt::format("{}", i), i == 0));
    EXPECT_EQ(store.prune(5, 1000).value(), 4) << "1 to 4; 0 is open";
    EXPECT_EQ(store.prune(5, 3).value(), 3);
    EXPECT_EQ(store.find("9").value().size(), 1U);
    EXPECT_TRUE(store.find("6").value().empty());
}

} // namespace
} // namespace flowguard::test
