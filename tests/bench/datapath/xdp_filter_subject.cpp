// SPDX-License-Identifier: Apache-2.0
#include "xdp_filter_subject.h"

#include "driver.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

namespace flowguard::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char *object_name = "xdpfilt_alw_ip.o"; /* "allow": what is not listed passes */
constexpr std::uint32_t own_limit = 10000;              /* entries that its objects are compiled for */
constexpr std::uint64_t deny_source = 1; /* the flag that it writes into a map's value; counts stand above */
constexpr std::uint32_t actions = 5;     /* XDP_ABORTED to XDP_REDIRECT */

struct Stats {
    std::uint64_t packets;
    std::uint64_t bytes;
};

std::optional<fs::path> find_object()
{
    std::vector<fs::path> places{"/usr/local/lib/bpf", "/usr/lib/bpf", "/usr/lib64/bpf"};
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator("/usr/lib", ignored))
        places.push_back(entry.path() / "bpf");
    for (const fs::path &place : places)
        if (fs::exists(place / object_name, ignored))
            return place / object_name;
    return {};
}

} // namespace

XdpFilterSubject::~XdpFilterSubject() { bpf_object__close(object_); }

Result<std::unique_ptr<XdpFilterSubject>> XdpFilterSubject::load(std::uint32_t hosts)
{
    const auto path = find_object();
    if (!path)
        return fail(ExitCode::Failed,
                    fmt::format("{} is not installed; it comes with Debian's xdp-tools", object_name));
    take_libbpf_warnings();
    std::unique_ptr<XdpFilterSubject> subject(new XdpFilterSubject(bpf_object__open_file(path->c_str(), nullptr)));
    if (!subject->object_)
        return fail(ExitCode::Failed, fmt::format("cannot read {}: {}", path->string(), take_libbpf_warnings()));
    bpf_map *map = nullptr;
    bpf_object__for_each_map (map, subject->object_)
        bpf_map__set_pin_path(map, nullptr);
    if (bpf_map *filter = bpf_object__find_map_by_name(subject->object_, "filter_ipv4"))
        bpf_map__set_max_entries(filter, std::max(own_limit, hosts));
    if (bpf_object__load(subject->object_) != 0)
        return fail(ExitCode::Failed, fmt::format("the kernel does not load {} ({}): {}", path->string(),
                                                  std::strerror(errno), take_libbpf_warnings()));
    if (auto blocked = subject->block(hosts); !blocked)
        return std::unexpected(blocked.error());
    return subject;
}

Result<void> XdpFilterSubject::block(std::uint32_t hosts)
{
    const int fd = bpf_object__find_map_fd_by_name(object_, "filter_ipv4");
    const std::vector<std::uint64_t> flags(possible_cpus(), deny_source);
    for (std::uint32_t i = 0; i < hosts; i++) {
        const std::uint32_t key = htonl(blocked_hosts + i);
        if (bpf_map_update_elem(fd, &key, flags.data(), BPF_ANY) != 0)
            return fail(ExitCode::Failed,
                        fmt::format("cannot add host {} to xdp-filter's map: {}", i + 1, std::strerror(errno)));
    }
    return {};
}

int XdpFilterSubject::program() const { return bpf_program__fd(bpf_object__next_program(object_, nullptr)); }

Result<Counted> XdpFilterSubject::drain()
{
    const int fd = bpf_object__find_map_fd_by_name(object_, "xdp_stats_map");
    Counted sums;
    for (std::uint32_t action = 0; action < actions; action++) {
        std::vector<Stats> each(possible_cpus());
        if (bpf_map_lookup_elem(fd, &action, each.data()) != 0)
            return fail(ExitCode::Failed, fmt::format("cannot read xdp-filter's counts: {}", std::strerror(errno)));
        for (const Stats &stats : each) {
            sums.packets += stats.packets;
            sums.dropped += action == XDP_DROP ? stats.packets : 0;
        }
    }
    const Counted counted{sums.packets - seen_.packets, 0, sums.dropped - seen_.dropped};
    seen_ = sums;
    return counted;
}

} // namespace flowguard::bench
