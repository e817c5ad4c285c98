// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/incidents.h"

#include <gtest/gtest.h>

#include <fmt/core.h>

namespace flowguard::test {
namespace {

constexpr TimeNs second = 1'000'000'000;

IpAddress address(const std::string &text) { return *IpAddress::parse(text); }

Finding finding(std::string_view detector, const std::string &source, const std::string &target, double observed = 100)
{
    Finding made;
    made.detector = detector;
    if (!source.empty())
        made.subject.source = address(source);
    if (!target.empty())
        made.subject.target = address(target);
    made.observed = observed;
    made.explanation = fmt::format("{} of {}", detector, observed);
    return made;
}

class Tracker : public ::testing::Test {
  protected:
    void tick(std::vector<Finding> findings, int seconds = 1)
    {
        now += seconds * second;
        for (Finding &each : findings)
            each.since = each.since == 0 ? now : each.since;
        tracker.tick(now, std::move(findings));
    }
    std::vector<Incident> changes() { return tracker.take_changes(); }

    IncidentTracker tracker;
    TimeNs now = 1'700'000'000 * second;
};

const std::string attacker = "203.0.113.7";
const std::string victim = "192.168.1.10";

TEST_F(Tracker, OpensKeepsAndClosesAfterItsHold)
{
    tick({finding("dos.syn_flood", attacker, victim)});
    const auto opened = changes();
    ASSERT_EQ(opened.size(), 1U);
    EXPECT_TRUE(opened[0].open);
    EXPECT_EQ(opened[0].opened, now);
    tick({finding("dos.syn_flood", attacker, victim)}, 29);
    tick({}, 29);
    EXPECT_TRUE(changes().empty()) << "nothing that is worth telling";
    EXPECT_EQ(tracker.open().size(), 1U);
    tick({}, 1);
    const auto closed = changes();
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_FALSE(closed[0].open);
    EXPECT_EQ(closed[0].id, opened[0].id);
    EXPECT_EQ(closed[0].last, now - 30 * second) << "when it was found last";
}

TEST_F(Tracker, AnotherSubjectIsAnotherIncident)
{
    tick({finding("scan.port", attacker, victim), finding("scan.port", "203.0.113.8", victim)});
    const auto list = changes();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_NE(list[0].id, list[1].id);
}

TEST_F(Tracker, KeepsTheStrongestAndTellsOnlyOfGrowthByAQuarter)
{
    tick({finding("dos.syn_flood", attacker, victim, 100)});
    changes();
    tick({finding("dos.syn_flood", attacker, victim, 124)});
    EXPECT_TRUE(changes().empty());
    tick({finding("dos.syn_flood", attacker, victim, 126)});
    tick({finding("dos.syn_flood", attacker, victim, 60)});
    const auto list = changes();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].finding.observed, 126);
    EXPECT_EQ(list[0].finding.explanation, "dos.syn_flood of 126");
    EXPECT_EQ(list[0].latest, 60);
}

TEST_F(Tracker, KeepsTheWorstSeverityAndAllSources)
{
    Finding first = finding("scan.host", attacker, "");
    first.severity = Severity::Medium;
    first.targets = {address("192.168.1.1"), address("192.168.1.2")};
    Finding later = finding("scan.host", attacker, "", 200);
    later.severity = Severity::Low;
    later.targets = {address("192.168.1.2"), address("192.168.1.3")};
    tick({first});
    tick({later});
    const auto list = changes();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].finding.severity, Severity::Medium);
    EXPECT_EQ(list[0].finding.targets.size(), 3U);
}

TEST_F(Tracker, WhatACauseExplainsBecomesPartOfIt)
{
    tick({finding("dos.syn_flood", attacker, victim)});
    tick({finding("dos.volume_spike", "", victim), finding("novelty.listener", "", victim)});
    const auto list = changes();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].related, (std::vector<std::string>{"dos.volume_spike", "novelty.listener"}));
}

TEST_F(Tracker, ACauseThatComesLaterTakesTheEffectIn)
{
    Finding effect = finding("dos.volume_spike", "", victim);
    effect.severity = Severity::Medium;
    tick({effect});
    const std::string id = changes()[0].id;
    const TimeNs first = now;
    Finding cause = finding("dos.udp_flood", "", victim);
    cause.severity = Severity::Low;
    tick({cause});
    const auto list = changes();
    ASSERT_EQ(list.size(), 2U);
    const Incident &gone = list[0].id == id ? list[0] : list[1];
    const Incident &kept = list[0].id == id ? list[1] : list[0];
    EXPECT_EQ(gone.merged_into, kept.id);
    EXPECT_FALSE(gone.open);
    EXPECT_EQ(kept.opened, first) << "the cause was seen when its effect was";
    EXPECT_EQ(kept.finding.severity, Severity::Medium);
    EXPECT_EQ(kept.related, std::vector<std::string>{"dos.volume_spike"});
    EXPECT_EQ(tracker.open().size(), 1U);
}

TEST_F(Tracker, OtherHostsAreOtherCauses)
{
    tick({finding("dos.syn_flood", attacker, victim), finding("dos.volume_spike", "", "192.168.1.11")});
    EXPECT_EQ(changes().size(), 2U);
}

TEST_F(Tracker, WhatWasThereLongBeforeIsNoEffect)
{
    tick({finding("dos.volume_spike", "", victim)});
    for (int i = 0; i < 10; i++)
        tick({finding("dos.volume_spike", "", victim)}, 50);
    tick({finding("dos.udp_flood", "", victim)});
    EXPECT_EQ(tracker.open().size(), 2U);
}

TEST_F(Tracker, TheOrderOfFindingsDoesNotMatter)
{
    IncidentTracker other;
    const std::vector<Finding> findings{finding("scan.port", attacker, victim), finding("scan.host", attacker, ""),
                                        finding("dos.syn_flood", "", victim)};
    tick(findings);
    std::vector<Finding> turned(findings.rbegin(), findings.rend());
    for (Finding &each : turned)
        each.since = now;
    other.tick(now, turned);
    const auto ours = changes();
    const auto theirs = other.take_changes();
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); i++) {
        EXPECT_EQ(ours[i].id, theirs[i].id);
        EXPECT_EQ(ours[i].merged_into, theirs[i].merged_into);
    }
}

TEST_F(Tracker, MuchThatIsGoodToKnowLeavesRoomForWhatIsUrgent)
{
    std::vector<Finding> many;
    const auto add = [&many](Severity severity, unsigned from, unsigned count) {
        for (unsigned i = from; i < from + count; i++) {
            many.push_back(finding("novelty.port", fmt::format("10.{}.{}.1", i / 256, i % 256), ""));
            many.back().severity = severity;
        }
    };
    add(Severity::Low, 0, 5000);
    tick(many);
    EXPECT_EQ(tracker.open().size(), IncidentTracker::max_open / 2);
    EXPECT_EQ(tracker.refused(), 5000 - IncidentTracker::max_open / 2);
    many.clear();
    add(Severity::Medium, 5000, 5000);
    tick(many);
    EXPECT_EQ(tracker.open().size(), IncidentTracker::max_open * 3 / 4);
    many.clear();
    add(Severity::High, 10'000, 5000);
    tick(many);
    EXPECT_EQ(tracker.open().size(), IncidentTracker::max_open);
}

TEST_F(Tracker, MendsWhatADetectorOwes)
{
    Finding odd = finding("scan.host", attacker, "", std::numeric_limits<double>::quiet_NaN());
    odd.since = now + 1'000 * second;
    for (unsigned i = 0; i < 100; i++)
        odd.targets.push_back(address(fmt::format("192.168.2.{}", i)));
    tick({odd});
    const auto list = changes();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].start, now);
    EXPECT_EQ(list[0].finding.observed, 0);
    EXPECT_EQ(list[0].finding.targets.size(), Finding::max_listed);
}

TEST_F(Tracker, TheEndOfACaptureClosesAll)
{
    tick({finding("scan.port", attacker, victim), finding("dos.icmp_flood", attacker, "192.168.1.11")});
    tracker.finish();
    const auto list = changes();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_FALSE(list[0].open || list[1].open);
    EXPECT_TRUE(tracker.open().empty());
}

TEST_F(Tracker, WhatASourceDoesToManyTakesInWhatItDoesToOne)
{
    tick({finding("scan.port", attacker, victim)});
    tick({finding("scan.port", attacker, ""), finding("scan.port", attacker, "192.168.1.11")});
    ASSERT_EQ(tracker.open().size(), 1U);
    const Incident &open = *tracker.open()[0];
    EXPECT_FALSE(open.finding.subject.target);
    tick({finding("scan.port", "203.0.113.8", victim)});
    EXPECT_EQ(tracker.open().size(), 2U) << "another source is another scan";
}

TEST_F(Tracker, GoesOnWhenTheClockIsSetBack)
{
    tick({finding("scan.port", attacker, victim)});
    now -= 3'600 * second;
    tracker.set_clock_back(now);
    tick({});
    EXPECT_EQ(tracker.open().size(), 1U);
    tick({}, 60);
    EXPECT_TRUE(tracker.open().empty()) << "its hold is over, whatever the clock said before";
}

} // namespace
} // namespace flowguard::test
