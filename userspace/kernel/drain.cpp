// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/drain.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <linux/membarrier.h>
#include <sys/syscall.h>

namespace flowguard {
namespace {

long membarrier(int command) { return syscall(__NR_membarrier, command, 0, 0); }

void add(fg_volume &sum, const fg_volume &more)
{
    sum.packets += more.packets;
    sum.bytes += more.bytes;
}

} // namespace

GracePeriod::GracePeriod()
{
    const long commands = membarrier(MEMBARRIER_CMD_QUERY);
    membarrier_ = commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
}

Result<void> GracePeriod::wait()
{
    if (membarrier_ && membarrier(MEMBARRIER_CMD_GLOBAL) == 0)
        return {};
    if (!outer_) {
        inner_ = Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "fg_grace_inner", 4, 4, 1, nullptr));
        LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(inner_.get()));
        outer_ = Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "fg_grace", 4, 4, 1, &options));
    }
    const std::uint32_t zero = 0;
    const int inner = inner_.get();
    if (bpf_map_update_elem(outer_.get(), &zero, &inner, BPF_ANY) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot wait for running programs: {}", std::strerror(errno)));
    return {};
}

std::span<fg_ledger_entry> Drain::ledger_copy(std::uint32_t copy) const
{
    return maps_.ledger.subspan(fg_ledger_index(copy, 0, 0), FG_MAX_INTERFACES * FG_DIRECTIONS);
}

const fg_ledger_entry &Drain::ledger(std::uint32_t slot, fg_direction direction) const
{
    return maps_.ledger[fg_ledger_index(maps_.control().committed, slot, direction)];
}

void Drain::reset_slot(std::uint32_t slot)
{
    for (std::uint32_t copy = 0; copy < 2; copy++)
        for (std::uint32_t direction = 0; direction < FG_DIRECTIONS; direction++)
            maps_.ledger[fg_ledger_index(copy, slot, direction)] = {};
}

Result<void> Drain::recover(const RecordVisitor &visit)
{
    fg_control &control = maps_.control();
    const std::uint32_t epoch = control.epoch;
    if (control.committed + 2 == epoch) {
        /* The predecessor died between ending an epoch and committing it. */
        if (auto waited = grace_.wait(); !waited)
            return waited;
        commit_half(epoch - 1, visit);
    } else if (control.committed + 1 != epoch) {
        return fail(
            ExitCode::Failed,
            fmt::format("the pinned counters are inconsistent (epoch {}, committed {}); run 'flowguard detach' first",
                        epoch, control.committed));
    }
    /* It may have died while clearing: an entry without its record would never be found again. */
    clear_index(epoch - 1);
    clear_half(epoch - 1);
    return {};
}

Result<void> Drain::run(const RecordVisitor &visit)
{
    fg_control &control = maps_.control();
    const std::uint32_t epoch = control.epoch;
    __atomic_store_n(&control.epoch, epoch + 1, __ATOMIC_SEQ_CST);
    if (auto waited = grace_.wait(); !waited) {
        /* The old half may still be written to: go on with it, as if nothing had happened. */
        __atomic_store_n(&control.epoch, epoch, __ATOMIC_SEQ_CST);
        return waited;
    }
    commit_half(epoch, visit);
    return {};
}

void Drain::commit_half(std::uint32_t epoch, const RecordVisitor &visit)
{
    const std::span<fg_ledger_entry> next = ledger_copy(epoch);
    std::ranges::copy(ledger_copy(epoch - 1), next.begin());
    sum_counters(epoch, next);
    sum_records(epoch, next, visit);
    __atomic_store_n(&maps_.control().committed, epoch, __ATOMIC_RELEASE);
    clear_half(epoch);
}

void Drain::sum_counters(std::uint32_t epoch, std::span<fg_ledger_entry> sums)
{
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++) {
        const auto row = maps_.counters.subspan(fg_counters_index(cpu, epoch, 0, 0), sums.size());
        for (std::size_t i = 0; i < row.size(); i++) {
            if (row[i].total.packets == 0)
                continue;
            add(sums[i].total, row[i].total);
            add(sums[i].dropped, row[i].dropped);
            for (int reason = 0; reason < FG_OVERFLOW_REASONS; reason++)
                add(sums[i].overflow[reason], row[i].overflow[reason]);
        }
    }
}

void Drain::sum_records(std::uint32_t epoch, std::span<fg_ledger_entry> sums, const RecordVisitor &visit)
{
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++) {
        for (const auto direction : {FG_RX, FG_TX}) {
            const std::uint32_t table = fg_table_number(cpu, epoch, direction);
            for (const fg_flow_record &record :
                 maps_.records.subspan(std::size_t{table} * maps_.capacity(), maps_.heads[table].used)) {
                fg_ledger_entry &sum = sums[(record.key.slot % FG_MAX_INTERFACES) * FG_DIRECTIONS + direction];
                add(record.key.kind <= FG_KIND_IPV6 ? sum.flows : sum.non_ip, {record.packets, record.bytes});
                visit(record, direction);
            }
        }
    }
}

void Drain::clear_half(std::uint32_t epoch)
{
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++) {
        for (const auto direction : {FG_RX, FG_TX}) {
            const std::uint32_t table = fg_table_number(cpu, epoch, direction);
            const auto records = maps_.records.subspan(std::size_t{table} * maps_.capacity(), maps_.heads[table].used);
            for (fg_flow_record &record : records) {
                if (record.packets == 0)
                    continue; /* cleared already, before a predecessor died */
                maps_.index[record.index_position / FG_INDEX_LINE_ENTRIES]
                    .entry[record.index_position % FG_INDEX_LINE_ENTRIES] = 0;
            }
            std::ranges::fill(records, fg_flow_record{});
            maps_.heads[table].used = 0;
        }
        std::ranges::fill(
            maps_.counters.subspan(fg_counters_index(cpu, epoch, 0, 0), FG_MAX_INTERFACES * FG_DIRECTIONS),
            fg_counters{});
    }
}

void Drain::clear_index(std::uint32_t epoch)
{
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++) {
        for (const auto direction : {FG_RX, FG_TX}) {
            const std::size_t lines = fg_index_lines(maps_.capacity());
            std::ranges::fill(maps_.index.subspan(fg_table_number(cpu, epoch, direction) * lines, lines),
                              fg_index_line{});
        }
    }
}

} // namespace flowguard
