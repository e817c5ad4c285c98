// SPDX-License-Identifier: Apache-2.0
/*
 * Real captures through the kernel program and through the user-space build of the same parser: both must have counted
 * the same, key by key and counter by counter.
 */
#include "capture.h"

#include "../bpf/datapath.h"
#include "../bpf/flow_sums.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace flowguard::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_run = linear_part + 17 * 4096;

constexpr std::uint8_t raw_ip_slot = 4;

fs::path captures_directory()
{
    const char *given = std::getenv("FG_CAPTURES");
    return given && *given ? fs::path(given) : fs::path(FG_SOURCE_DIR) / "../shared/captures";
}

std::vector<fs::path> captures_below(const fs::path &directory)
{
    std::vector<fs::path> files;
    for (const auto &entry : fs::recursive_directory_iterator(directory))
        if (const auto extension = entry.path().extension(); extension == ".pcap" || extension == ".pcapng")
            files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

/// What was run, printed at the end.
struct Tally {
    std::uint64_t captures = 0, frames = 0, bytes = 0, flows = 0;
    std::uint64_t too_short = 0, too_long = 0, multi_buffer = 0, cut_by_capture = 0;
    std::uint64_t kinds[FG_KIND_MALFORMED + 1] = {};
    std::vector<std::string> not_run, damaged;

    void print() const
    {
        fmt::print("{} captures, {} frames, {} bytes, {} flow keys\n", captures, frames, bytes, flows);
        fmt::print("frames: IPv4 {}, IPv6 {}, not IP {}, malformed {}; cut by the capture {}; of several buffers {}\n",
                   kinds[FG_KIND_IPV4], kinds[FG_KIND_IPV6], kinds[FG_KIND_NON_IP], kinds[FG_KIND_MALFORMED],
                   cut_by_capture, multi_buffer);
        fmt::print("not run: {} frames shorter than {} bytes, {} longer than {}\n", too_short, shortest_run, too_long,
                   longest_run);
        fmt::print("captures not run: {}\n  {}\n", not_run.size(), fmt::join(not_run, "\n  "));
        fmt::print("captures that end in damage, run up to there: {}\n  {}\n", damaged.size(),
                   fmt::join(damaged, "\n  "));
    }
};

class ReplayTest : public DatapathTest {
  protected:
    void SetUp() override
    {
        directory_ = captures_directory();
        if (!fs::is_directory(directory_))
            GTEST_SKIP() << "no captures: there is no directory " << directory_
                         << "; set FG_CAPTURES to one that holds .pcap or .pcapng files";
        DatapathTest::SetUp();
        stay_on_this_cpu();
    }

    void TearDown() override
    {
        raw_ip_.reset();
        if (!pins_.empty())
            DatapathTest::TearDown();
    }

    void load_both_links(std::uint32_t capacity)
    {
        load(capacity);
        auto raw_ip = Programs::load(*maps_, Device{.name = "raw", .ifindex = 2, .link = FG_LINK_RAW_IP, .up = true},
                                     raw_ip_slot);
        ASSERT_TRUE(raw_ip) << raw_ip.error().message;
        raw_ip_.emplace(std::move(*raw_ip));
    }

    /// Feeds every frame that PROG_TEST_RUN takes to both ways of counting.
    void replay(const fs::path &file)
    {
        auto capture = Capture::open(file);
        if (!capture) {
            ADD_FAILURE() << capture.error().message;
            return;
        }
        const auto link = capture->link();
        if (!link) {
            tally_.not_run.push_back(fmt::format("{}: link type {}", name_of(file), capture->link_name()));
            return;
        }
        for (Frame frame; capture->next(frame);)
            count(frame, *link);
        tally_.captures++;
        if (!capture->damage().empty())
            tally_.damaged.push_back(fmt::format("{}: {}", name_of(file), capture->damage()));
    }

    void count(const Frame &frame, fg_link link)
    {
        if (frame.bytes.size() < shortest_run) {
            tally_.too_short++;
            return;
        }
        if (frame.bytes.size() > longest_run) {
            tally_.too_long++;
            return;
        }
        const bool raw = link == FG_LINK_RAW_IP;
        ASSERT_NO_FATAL_FAILURE(run_in_kernel(frame, raw ? raw_ip_->xdp() : programs_->xdp()));
        const fg_packet packet = parse_frame(frame.bytes, link, raw ? raw_ip_slot : slot);
        expected_[packet.key].add(packet, static_cast<std::uint32_t>(frame.bytes.size()), frame.wire_length);
        tally_.frames++;
        tally_.bytes += frame.bytes.size();
        tally_.kinds[packet.key.kind]++;
        tally_.cut_by_capture += frame.wire_length > frame.bytes.size();
        tally_.multi_buffer += frame.bytes.size() > linear_part;
    }

    static void run_in_kernel(const Frame &frame, int program)
    {
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes.data(),
                    .data_size_in = static_cast<__u32>(frame.bytes.size()), .repeat = 1);
        ASSERT_EQ(bpf_prog_test_run_opts(program, &options), 0) << "for " << frame.bytes.size() << " bytes";
        ASSERT_EQ(options.retval, static_cast<__u32>(XDP_PASS));
    }

    FlowSums drained()
    {
        FlowSums sums;
        for (const Seen &seen : drain()) {
            EXPECT_LE(seen.record.first, seen.record.last);
            EXPECT_TRUE(sums.emplace(seen.record.key, FlowSum::of(seen.record)).second)
                << "two records of " << describe(seen.record.key);
        }
        return sums;
    }

    std::string name_of(const fs::path &file) const { return fs::relative(file, directory_).string(); }

    fs::path directory_;
    std::optional<Programs> raw_ip_;
    FlowSums expected_;
    Tally tally_;
};

std::uint64_t packets_of(const FlowSums &sums)
{
    std::uint64_t packets = 0;
    for (const auto &[key, sum] : sums)
        packets += sum.packets;
    return packets;
}

TEST_F(ReplayTest, KernelAndUserSpaceCountEveryCaptureAlike)
{
    load_both_links(65'536);
    for (const fs::path &file : captures_below(directory_)) {
        SCOPED_TRACE(name_of(file));
        expected_.clear();
        replay(file);
        const FlowSums kernel = drained();
        for (const std::string &difference : differences(kernel, expected_))
            ADD_FAILURE() << difference;
        tally_.flows += expected_.size();
        ASSERT_FALSE(HasFatalFailure());
    }
    fg_ledger_entry sums{};
    for (const std::uint32_t link : {slot, raw_ip_slot}) {
        const fg_ledger_entry &ledger = drain_->ledger(link, FG_RX);
        sums.total.packets += ledger.total.packets;
        sums.total.bytes += ledger.total.bytes;
        for (const fg_volume &overflow : ledger.overflow)
            EXPECT_EQ(overflow.packets, 0U);
    }
    EXPECT_EQ(sums.total.packets, tally_.frames);
    EXPECT_EQ(sums.total.bytes, tally_.bytes);
    tally_.print();
}

/* The tables are far too small here, so that much is overflow: what is counted twice must agree all the same. */
TEST_F(ReplayTest, WhatFindsNoRecordIsOverflow)
{
    load_both_links(FG_MIN_CAPACITY);
    std::uint64_t recorded = 0;
    for (const fs::path &file : captures_below(directory_)) {
        replay(file);
        recorded += packets_of(drained());
        ASSERT_FALSE(HasFatalFailure()) << name_of(file);
    }
    std::uint64_t overflow = 0;
    for (const std::uint32_t link : {slot, raw_ip_slot}) {
        const fg_ledger_entry &ledger = drain_->ledger(link, FG_RX);
        fg_volume accounted = ledger.flows;
        const auto add = [&](const fg_volume &part) {
            accounted.packets += part.packets;
            accounted.bytes += part.bytes;
        };
        add(ledger.non_ip);
        for (const fg_volume &reason : ledger.overflow) {
            add(reason);
            overflow += reason.packets;
        }
        EXPECT_EQ(accounted.packets, ledger.total.packets);
        EXPECT_EQ(accounted.bytes, ledger.total.bytes);
    }
    EXPECT_EQ(recorded + overflow, tally_.frames);
    EXPECT_GT(overflow, 0U);
    fmt::print("{} of {} frames found no record\n", overflow, tally_.frames);
}

} // namespace
} // namespace flowguard::test
