// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/admission.h"
#include "flowguard/abi/counters.h"
#include "flowguard/abi/gate.h"
#include "flowguard/abi/overflow.h"
#include "flowguard/abi/policy.h"
#include "flowguard/core/error.h"
#include "flowguard/core/hash_keys.h"
#include "flowguard/kernel/fd.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace flowguard {

/// A memory-mapped BPF array. The kernel programs write to it at the same time.
template <class T> class MappedArray {
  public:
    MappedArray() = default;
    MappedArray(void *memory, std::size_t count) : memory_(static_cast<T *>(memory)), count_(count) {}

    T &operator[](std::size_t index) const { return memory_[index]; }
    std::size_t size() const { return count_; }
    std::span<T> subspan(std::size_t first, std::size_t count) const { return {memory_ + first, count}; }

  private:
    T *memory_ = nullptr;
    std::size_t count_ = 0;
};

/// A part of a file or map in this process's memory, for as long as this object lives.
class Mapping {
  public:
    Mapping() = default;
    Mapping(void *memory, std::size_t length) : memory_(memory), length_(length) {}
    Mapping(Mapping &&other) noexcept { *this = std::move(other); }
    Mapping &operator=(Mapping &&) noexcept;
    ~Mapping();

    void *memory() const { return memory_; }

  private:
    void *memory_ = nullptr;
    std::size_t length_ = 0;
};

/// The records of one table, mapped as far as they are in use: what a process has mapped counts as its resident memory,
/// and the records are by far the largest map. Mapping takes time, too, so a window stays while it fits.
class RecordWindow {
  public:
    /// The first `count` records of `table`, until the next call.
    Result<std::span<const fg_flow_record>> view(const class Maps &maps, std::uint32_t table, std::uint32_t count);

  private:
    Mapping mapping_;
    const fg_flow_record *first_ = nullptr;
    std::uint32_t mapped_ = 0; ///< records
};

/// The maps of one instance, pinned in a directory; mapped here for as long as this object lives.
class Maps {
  public:
    /// Makes and pins all maps, or none. `capacity`: records per CPU, direction and epoch; a power of two. `max_blocks`:
    /// addresses, and prefixes, that the blocklist takes.
    static Result<Maps> create(const std::filesystem::path &pins, std::uint32_t capacity,
                               std::uint32_t max_blocks = FG_DEFAULT_BLOCKS);
    /// Opens pinned maps. NotRunning if there are none; Failed if they are of another ABI version or damaged.
    static Result<Maps> open(const std::filesystem::path &pins);
    /// Unpins the maps in `pins`; they go when the last program and process let go.
    static void unpin(const std::filesystem::path &pins);

    int fd(const std::string &name) const;
    const std::map<std::string, Fd> &fds() const { return fds_; }
    /// Memory that the kernel holds for these maps: by map_memory(), and as it says itself, by measure since Linux 6.4.
    std::uint64_t memory_bytes() const;
    std::uint64_t measured_memory_bytes() const;
    std::uint32_t capacity() const { return control().capacity; }
    std::uint32_t cpus() const { return control().cpus; }
    /// Entries of the blocklist, with those that have expired and were not removed yet.
    std::size_t block_count() const;
    std::uint32_t tables() const { return cpus() * FG_EPOCHS * FG_DIRECTIONS; }

    fg_control &control() const { return control_[0]; }
    MappedArray<fg_counters> counters;
    MappedArray<fg_table_head> heads;
    MappedArray<fg_index_line> index;
    MappedArray<fg_overflow_entry> overflow;
    MappedArray<fg_known_line> known;
    MappedArray<fg_ledger_entry> ledger;
    MappedArray<fg_interface> interfaces;
    /// The keys of abi/hash.h, as the programs of this instance have them.
    HashKeys hash_keys() const;

  private:
    Maps() = default;
    Result<void> map_all();
    template <class T> Result<MappedArray<T>> map(const char *name);

    std::map<std::string, Fd> fds_;
    std::vector<Mapping> mappings_;
    MappedArray<fg_control> control_;
};

/// What the kernel says that a map takes; 0 if it does not say.
std::uint64_t map_memlock(int fd);
/// What create() allocates in the kernel, in bytes, and what `blocks` entries of the blocklist add.
std::uint64_t map_memory(std::uint32_t capacity, std::uint32_t cpus, std::uint32_t max_blocks = FG_DEFAULT_BLOCKS,
                         std::uint64_t blocks = 0);
/// 262,144 records divided by the CPUs, from 16,384 to 131,072; halved until all takes at most a twentieth of the memory.
std::uint32_t default_capacity(std::uint32_t cpus, std::uint64_t memory_bytes);
/// Usage error if `capacity` is no power of two within bounds or does not fit into half of the memory.
Result<void> check_capacity(std::uint32_t capacity, std::uint32_t cpus, std::uint64_t memory_bytes);
std::uint32_t possible_cpus();
std::uint64_t physical_memory_bytes();

} // namespace flowguard
