// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet.h"

#include "flowguard/kernel/blocklist.h"
#include "flowguard/kernel/drain.h"
#include "flowguard/kernel/programs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <linux/bpf.h>
#include <optional>
#include <vector>

namespace flowguard::test {

/* Verdicts of tc programs. */
constexpr int tc_go_on = -1;
constexpr int tc_drop = 2;

/* What BPF_PROG_TEST_RUN takes as XDP: no frame shorter than an Ethernet header; and how much of one is in the first
   buffer, a page less headroom and skb_shared_info. */
constexpr std::size_t shortest_run = 14;
constexpr std::size_t linear_part = 3520;

/// The programs on maps of their own, fed by PROG_TEST_RUN.
class DatapathTest : public testing::Test {
  protected:
    static constexpr std::uint8_t slot = 3; ///< of the interface that load() pretends

    void SetUp() override;
    void TearDown() override;

    void load(std::uint32_t capacity = 1024, fg_link link = FG_LINK_ETHERNET, bool tunnels = false);
    /// The verdict: XDP_DROP (1), XDP_PASS (2).
    int run_xdp(const Packet &packet, unsigned times = 1);
    /// The verdict: -1 to go on, 2 to drop.
    int run_egress(const Packet &packet, unsigned times = 1);
    /// With gso_segs, gso_size and wire_len as the kernel gives them.
    int run_egress(const Packet &packet, const __sk_buff &context, unsigned times = 1);
    int run_tc_ingress(const Packet &packet, const __sk_buff &context);

    struct Seen {
        fg_flow_record record;
        fg_direction direction;
    };
    /// What one drain yields.
    std::vector<Seen> drain();
    /// The only record of the next drain; a failure if there is not exactly one.
    fg_flow_record only();

    void block(const std::string &target, std::uint32_t directions = FG_BLOCK_IN | FG_BLOCK_OUT,
               std::optional<std::chrono::seconds> lifetime = {});

    std::filesystem::path pins_;
    std::optional<Maps> maps_;
    std::optional<Programs> programs_;
    std::optional<Drain> drain_;
};

} // namespace flowguard::test
