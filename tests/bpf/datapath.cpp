// SPDX-License-Identifier: Apache-2.0
#include "datapath.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

namespace flowguard::test {
namespace {

int run(int program, const Packet &packet, unsigned times, const __sk_buff *context = nullptr)
{
    std::vector<std::uint8_t> out(packet.bytes().size() + 256);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.bytes().data(), .data_out = out.data(),
                .data_size_in = static_cast<__u32>(packet.bytes().size()),
                .data_size_out = static_cast<__u32>(out.size()), .ctx_in = context,
                .ctx_size_in = context ? static_cast<__u32>(sizeof *context) : 0U, .repeat = static_cast<int>(times));
    const int error = bpf_prog_test_run_opts(program, &options);
    EXPECT_EQ(error, 0) << "PROG_TEST_RUN refuses " << packet.bytes().size() << " bytes";
    return static_cast<int>(options.retval);
}

} // namespace

void DatapathTest::SetUp()
{
    if (const auto able = check_host(); !able)
        GTEST_FAIL() << able.error().message;
    pins_ = fmt::format("/sys/fs/bpf/flowguard-test-{}", getpid());
    std::filesystem::create_directory(pins_);
}

void DatapathTest::TearDown()
{
    Maps::unpin(pins_);
    std::filesystem::remove(pins_);
}

void DatapathTest::load(std::uint32_t capacity, fg_link link, bool tunnels)
{
    auto maps = Maps::create(pins_, capacity);
    ASSERT_TRUE(maps) << maps.error().message;
    maps_.emplace(std::move(*maps));
    auto programs = Programs::load(*maps_, Device{.name = "test", .ifindex = 1, .link = link, .up = true}, slot,
                                   tunnels);
    ASSERT_TRUE(programs) << programs.error().message;
    programs_.emplace(std::move(*programs));
    drain_.emplace(*maps_);
}

int DatapathTest::run_xdp(const Packet &packet, unsigned times) { return run(programs_->xdp(), packet, times); }
int DatapathTest::run_egress(const Packet &packet, unsigned times) { return run_egress(packet, __sk_buff{}, times); }

int DatapathTest::run_egress(const Packet &packet, const __sk_buff &context, unsigned times)
{
    return run(programs_->tc_egress(), packet, times, &context);
}

int DatapathTest::run_tc_ingress(const Packet &packet, const __sk_buff &context)
{
    return run(programs_->tc_ingress(), packet, 1, &context);
}

void DatapathTest::block(const std::string &target, std::uint32_t directions,
                         std::optional<std::chrono::seconds> lifetime)
{
    const auto added = Blocklist(*maps_).add({.target = IpPrefix::parse(target).value(),
                                              .directions = directions,
                                              .lifetime = lifetime,
                                              .reason = "",
                                              .uid = 0},
                                             boot_time_ns(), real_time_ns());
    ASSERT_TRUE(added) << added.error().message;
    ASSERT_TRUE(added->changed);
}

std::vector<DatapathTest::Seen> DatapathTest::drain()
{
    std::vector<Seen> seen;
    const auto drained = drain_->run([&](const fg_flow_record &record, fg_direction direction) {
        seen.push_back({record, direction});
    });
    EXPECT_TRUE(drained) << drained.error().message;
    return seen;
}

fg_flow_record DatapathTest::only()
{
    const auto seen = drain();
    EXPECT_EQ(seen.size(), 1U);
    return seen.empty() ? fg_flow_record{} : seen.front().record;
}

} // namespace flowguard::test
