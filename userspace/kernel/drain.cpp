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

Result<void> Drain::recover(const RecordVisitor &visit, const OverflowVisitor &visit_overflow)
{
    fg_control &control = maps_.control();
    const std::uint32_t epoch = control.epoch;
    if (control.committed + 2 == epoch) {
        /* The predecessor died between ending an epoch and committing it. */
        if (auto waited = grace_.wait(); !waited)
            return waited;
        if (auto committed = commit_half(epoch - 1, visit, visit_overflow); !committed)
            return committed;
    } else if (control.committed + 1 != epoch) {
        return fail(
            ExitCode::Failed,
            fmt::format("the pinned counters are inconsistent (epoch {}, committed {}); run 'flowguard detach' first",
                        epoch, control.committed));
    }
    /* It may have died while clearing: an entry without its record would never be found again. */
    for (const std::uint32_t table : tables_of(epoch - 1))
        clear_index(table);
    clear_half(epoch - 1);
    return {};
}

Result<void> Drain::run(const RecordVisitor &visit, const OverflowVisitor &visit_overflow)
{
    fg_control &control = maps_.control();
    const std::uint32_t epoch = control.epoch;
    __atomic_store_n(&control.epoch, epoch + 1, __ATOMIC_SEQ_CST);
    auto done = grace_.wait();
    if (done)
        done = commit_half(epoch, visit, visit_overflow);
    if (!done) {
        /* The old half may still be written to, or cannot be read: go on with it, as if nothing had happened. */
        __atomic_store_n(&control.epoch, epoch, __ATOMIC_SEQ_CST);
    }
    return done;
}

std::vector<std::uint32_t> Drain::tables_of(std::uint32_t epoch) const
{
    std::vector<std::uint32_t> tables;
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++)
        for (const auto direction : {FG_RX, FG_TX})
            tables.push_back(fg_table_number(cpu, epoch, direction));
    return tables;
}

std::span<fg_overflow_entry> Drain::overflow_of(std::uint32_t table) const
{
    return maps_.overflow.subspan(std::size_t{table} * FG_OVERFLOW_ENTRIES, FG_OVERFLOW_ENTRIES);
}

/// All of them before anything is visited, so that a drain that fails has done nothing.
Result<std::vector<Drain::Records>> Drain::map_records(std::uint32_t epoch)
{
    std::vector<Records> all;
    for (const std::uint32_t table : tables_of(epoch)) {
        auto records = windows_[table].view(maps_, table, maps_.heads[table].used);
        if (!records)
            return std::unexpected(records.error());
        all.push_back(*records);
    }
    return all;
}

Result<void> Drain::commit_half(std::uint32_t epoch, const RecordVisitor &visit, const OverflowVisitor &visit_overflow)
{
    const auto records_of = map_records(epoch);
    if (!records_of)
        return std::unexpected(records_of.error());
    const std::span<fg_ledger_entry> next = ledger_copy(epoch);
    std::ranges::copy(ledger_copy(epoch - 1), next.begin());
    sum_counters(epoch, next);
    if (visit_overflow)
        visit_aggregates(epoch, visit_overflow);
    for (std::uint32_t i = 0; const std::uint32_t table : tables_of(epoch)) {
        const auto direction = static_cast<fg_direction>(table % FG_DIRECTIONS);
        for (const fg_flow_record &record : (*records_of)[i++]) {
            fg_ledger_entry &sum = next[(record.key.slot % FG_MAX_INTERFACES) * FG_DIRECTIONS + direction];
            add(record.key.kind <= FG_KIND_IPV6 ? sum.flows : sum.non_ip, {record.packets, record.bytes});
            visit(record, direction);
        }
    }
    __atomic_store_n(&maps_.control().committed, epoch, __ATOMIC_RELEASE);
    for (std::uint32_t i = 0; const std::uint32_t table : tables_of(epoch))
        clear_entries(table, (*records_of)[i++]);
    clear_half(epoch);
    return {};
}

void Drain::visit_aggregates(std::uint32_t epoch, const OverflowVisitor &visit) const
{
    for (const std::uint32_t table : tables_of(epoch)) {
        if (!maps_.heads[table].overflown)
            continue;
        for (const fg_overflow_entry &entry : overflow_of(table))
            if (entry.packets != 0)
                visit(entry, static_cast<fg_direction>(table % FG_DIRECTIONS));
    }
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
            sums[i].not_sampled += row[i].not_sampled;
            sums[i].samples_lost += row[i].samples_lost;
        }
    }
}

/// All but the index. Records keep what is in them: whoever takes one writes all of it.
void Drain::clear_half(std::uint32_t epoch)
{
    for (const std::uint32_t table : tables_of(epoch)) {
        if (maps_.heads[table].overflown)
            for (fg_overflow_entry &entry : overflow_of(table))
                if (entry.packets != 0)
                    entry = {};
        maps_.heads[table] = {};
    }
    for (std::uint32_t cpu = 0; cpu < maps_.cpus(); cpu++)
        for (fg_counters &counters :
             maps_.counters.subspan(fg_counters_index(cpu, epoch, 0, 0), FG_MAX_INTERFACES * FG_DIRECTIONS))
            if (counters.total.packets != 0)
                counters = {};
}

/// One entry at a time while they are few; from about one in two lines on, clearing all in sequence is faster.
void Drain::clear_entries(std::uint32_t table, Records records)
{
    if (records.size() >= fg_index_lines(maps_.capacity()) / 2)
        return clear_index(table);
    for (const fg_flow_record &record : records)
        maps_.index[record.index_position / FG_INDEX_LINE_ENTRIES]
            .entry[record.index_position % FG_INDEX_LINE_ENTRIES] = 0;
}

void Drain::clear_index(std::uint32_t table)
{
    const std::size_t lines = fg_index_lines(maps_.capacity());
    const auto index = maps_.index.subspan(std::size_t{table} * lines, lines);
    std::memset(index.data(), 0, index.size_bytes());
}

} // namespace flowguard
