// SPDX-License-Identifier: Apache-2.0
#include "peer_subject.h"

#include "driver.h"
#include "peers.skel.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cstring>
#include <string>

namespace flowguard::bench {
namespace {

constexpr std::uint32_t batch = 16384;

Error read_error(const char *what, int error)
{
    return {ExitCode::Failed, fmt::format("cannot read the {} of a kernel map: {}", what, std::strerror(error))};
}

} // namespace

PeerSubject::PeerSubject(peers_bpf *skeleton, bpf_map_type type, std::uint32_t capacity)
    : skeleton_(skeleton),
      type_(type),
      capacity_(capacity),
      keys_(batch),
      values_(std::size_t{batch} * (type == BPF_MAP_TYPE_PERCPU_HASH ? possible_cpus() : 1))
{
}

PeerSubject::~PeerSubject() { peers_bpf__destroy(skeleton_); }

Result<std::unique_ptr<PeerSubject>> PeerSubject::load(bpf_map_type type, std::uint32_t capacity)
{
    take_libbpf_warnings();
    std::unique_ptr<PeerSubject> subject(new PeerSubject(peers_bpf__open(), type, capacity));
    peers_bpf *skeleton = subject->skeleton_;
    if (skeleton) {
        skeleton->rodata->fg_shared = type != BPF_MAP_TYPE_PERCPU_HASH;
        bpf_map__set_type(skeleton->maps.fg_peer_flows, type);
        bpf_map__set_max_entries(skeleton->maps.fg_peer_flows, capacity);
    }
    if (!skeleton || peers_bpf__load(skeleton) != 0)
        return fail(ExitCode::Failed, fmt::format("the kernel does not load the plain counter ({}): {}",
                                                  std::strerror(errno), take_libbpf_warnings()));
    return subject;
}

int PeerSubject::program() const { return bpf_program__fd(skeleton_->progs.fg_peer); }
int PeerSubject::map() const { return bpf_map__fd(skeleton_->maps.fg_peer_flows); }

Abilities PeerSubject::abilities() const
{
    return {.capacity = capacity_, .evicts = type_ == BPF_MAP_TYPE_LRU_HASH, .frags = false};
}

std::uint64_t PeerSubject::kernel_bytes() const { return map_memlock(map()); }

Result<Counted> PeerSubject::drain()
{
    auto counted = read(true);
    if (!counted)
        return counted;
    const auto overflow = take_overflow();
    if (!overflow)
        return std::unexpected(overflow.error());
    counted->packets += *overflow;
    return counted;
}

Result<Counted> PeerSubject::read(bool clear)
{
    const auto next = clear ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
    const std::size_t values_each = values_.size() / batch;
    Counted counted;
    std::uint32_t position = 0;
    for (bool first = true, more = true; more; first = false) {
        std::uint32_t count = batch;
        const int failed = next(map(), first ? nullptr : &position, &position, keys_.data(), values_.data(), &count,
                                nullptr);
        if (failed && errno != ENOENT)
            return std::unexpected(read_error("flows", errno));
        more = !failed;
        counted.flows += count;
        for (std::size_t i = 0; i < count * values_each; i++)
            counted.packets += values_[i].packets;
    }
    return counted;
}

Result<std::uint64_t> PeerSubject::take_overflow()
{
    const int fd = bpf_map__fd(skeleton_->maps.fg_peer_overflow);
    const std::uint32_t zero = 0;
    std::vector<std::uint64_t> each(possible_cpus());
    if (bpf_map_lookup_elem(fd, &zero, each.data()) != 0)
        return std::unexpected(read_error("overflow", errno));
    std::uint64_t sum = 0;
    for (std::uint64_t &value : each)
        sum += std::exchange(value, 0);
    if (bpf_map_update_elem(fd, &zero, each.data(), BPF_ANY) != 0)
        return std::unexpected(read_error("overflow", errno));
    return sum;
}

} // namespace flowguard::bench
