// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/incident_board.h"
#include "flowguard/daemon/incident_query.h"
#include "flowguard/store/incident_store.h"

#include "store/scratch.h"

#include <gtest/gtest.h>

namespace flowguard::test {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs noon = 1'800'000'000 * second;

Incident incident(const std::string &id, TimeNs start, bool open = true)
{
    Incident made{.id = id, .finding = {}, .related = {}, .merged_into = {}};
    made.finding.detector = "dos.syn_flood";
    made.finding.observed = 100;
    made.start = start;
    made.last = start + second;
    made.latest = 100;
    made.open = open;
    return made;
}

std::vector<std::string> ids(const std::vector<Json> &list)
{
    std::vector<std::string> all;
    for (const Json &eve : list)
        all.push_back(eve.at("flowguard").at("incident_id"));
    return all;
}

using Ids = std::vector<std::string>;

TEST(IncidentBoard, ShowsByStartAndCountsOpenOnes)
{
    IncidentBoard board(7);
    board.update(incident("b", noon + second));
    board.update(incident("a", noon, false));
    const auto list = board.list();
    EXPECT_EQ(list->open, 1U);
    EXPECT_EQ(list->revision, 9U);
    EXPECT_EQ(ids(*select_incidents(*list, {}, {})), (Ids{"a", "b"}));
    EXPECT_EQ(ids(*select_incidents(*list, {.only_open = true}, {})), Ids{"b"});
    EXPECT_EQ(ids(*select_incidents(*list, {.since = noon + 2 * second}, {})), Ids{"b"});
    EXPECT_EQ(ids(*select_incidents(*list, {.id = "a"}, {})), Ids{"a"});
    EXPECT_EQ(ids(*select_incidents(*list, {.after = 7}, {})), (Ids{"b", "a"})) << "in order of change";
    EXPECT_EQ(ids(*select_incidents(*list, {.after = 8}, {})), Ids{"a"});
}

TEST(IncidentBoard, WhatBecamePartOfAnotherIsShownByNameAndToFollowersAlone)
{
    IncidentBoard board(0);
    Incident weak = incident("weak", noon, false);
    weak.merged_into = "strong";
    board.update(weak);
    const auto list = board.list();
    EXPECT_TRUE(select_incidents(*list, {}, {})->empty());
    EXPECT_EQ(ids(*select_incidents(*list, {.id = "weak"}, {})), Ids{"weak"});
    EXPECT_EQ(ids(*select_incidents(*list, {.after = 0}, {})), Ids{"weak"});
}

TEST(IncidentBoard, TellsOpeningAndClosingAtOnceAndChangesEveryTenSeconds)
{
    IncidentBoard board(0);
    Incident growing = incident("a", noon);
    int told = 0;
    for (int tick = 0; tick < 25; tick++) {
        growing.finding.observed++;
        board.update(growing);
        told += static_cast<int>(board.take_due(noon + tick * second).size());
    }
    EXPECT_EQ(told, 3) << "at 0, 10 and 20 s";
    growing.open = false;
    board.update(growing);
    const auto due = board.take_due(noon + 25 * second);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_FALSE(due[0].open);
    EXPECT_EQ(due[0].to_json().at("flowguard").at("observed"), 125.0) << "as it was at its strongest";
    EXPECT_TRUE(board.take_due(noon + 100 * second).empty());
}

TEST(IncidentBoard, TheLatestChangeIsToldEvenIfNothingFollows)
{
    IncidentBoard board(0);
    board.update(incident("a", noon));
    EXPECT_EQ(board.take_due(noon).size(), 1U);
    board.update(incident("a", noon));
    EXPECT_TRUE(board.take_due(noon + second).empty());
    EXPECT_EQ(board.take_due(noon + 10 * second).size(), 1U);
}

TEST(IncidentBoard, AClockThatJumpsBackKeepsNothingFromBeingTold)
{
    IncidentBoard board(0);
    board.update(incident("a", noon));
    board.take_due(noon);
    board.update(incident("a", noon));
    EXPECT_EQ(board.take_due(noon - 3600 * second).size(), 1U);
}

TEST(IncidentBoard, ForgetsTheOldestClosedOnesAndNoOpenOne)
{
    IncidentBoard board(0, 3);
    board.update(incident("open", noon));
    for (int i = 0; i < 10; i++) {
        board.update(incident("closed" + std::to_string(i), noon + i * second, false));
        board.take_due(noon);
    }
    const auto list = board.list();
    EXPECT_FALSE(list->complete);
    EXPECT_EQ(ids(*select_incidents(*list, {}, {})), (Ids{"open", "closed7", "closed8", "closed9"}));
}

TEST(IncidentBoard, WhatOnlyTheDatabaseHoldsIsShownInOrderOfStart)
{
    const Scratch scratch;
    const auto path = scratch / "state.db";
    const auto database = Database::open(path, noon);
    IncidentBoard board(0, 1);
    board.update(incident("open", noon + second));
    for (int i = 0; i < 4; i++)
        board.update(incident("closed" + std::to_string(i), noon + 2 * i * second, false));
    for (const IncidentEntry &due : board.take_due(noon))
        ASSERT_TRUE(IncidentStore(*database).put(due.to_json(), due.start, due.last, due.id, due.open));
    EXPECT_EQ(ids(*select_incidents(*board.list(), {}, path)),
              (Ids{"closed0", "open", "closed1", "closed2", "closed3"}));
}

TEST(IncidentBoard, WhatAnEarlierDaemonSawIsShownWithItsTimes)
{
    IncidentBoard before(0);
    before.update(incident("a", noon, false));
    IncidentBoard board(1000);
    board.restore({before.take_due(noon).front().to_json()}, 10);
    const auto list = board.list();
    ASSERT_EQ(list->entries.size(), 1U);
    EXPECT_EQ(list->entries[0].start, noon);
    EXPECT_EQ(list->entries[0].last, noon + second);
    EXPECT_FALSE(list->entries[0].open);
    EXPECT_TRUE(board.take_due(noon).empty()) << "it was written down by the one who saw it";
}

} // namespace
} // namespace flowguard::test
