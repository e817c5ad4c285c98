// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/maps.h"

#include "flowguard/abi/rules.h"
#include "flowguard/abi/samples.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sys/mman.h>
#include <sys/random.h>

namespace flowguard {
namespace {

struct MapSpec {
    const char *name;
    bpf_map_type type;
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint64_t entries;
    std::uint32_t flags;
};

std::vector<MapSpec> map_specs(std::uint32_t capacity, std::uint32_t cpus, std::uint32_t max_blocks)
{
    const std::uint64_t tables = std::uint64_t{cpus} * FG_EPOCHS * FG_DIRECTIONS;
    const auto array = [](const char *name, std::size_t value, std::uint64_t entries) {
        return MapSpec{name, BPF_MAP_TYPE_ARRAY, 4, static_cast<std::uint32_t>(value), entries, BPF_F_MMAPABLE};
    };
    return {
        array("fg_control", sizeof(fg_control), 1),
        array("fg_counters", sizeof(fg_counters), tables * FG_MAX_INTERFACES),
        array("fg_heads", sizeof(fg_table_head), tables),
        array("fg_index", sizeof(fg_index_line), tables * fg_index_lines(capacity)),
        array("fg_records", sizeof(fg_flow_record), tables * capacity),
        array("fg_overflow", sizeof(fg_overflow_entry), tables * FG_OVERFLOW_ENTRIES),
        array("fg_known", sizeof(fg_known_line), fg_known_lines(capacity)),
        array("fg_ledger", sizeof(fg_ledger_entry), 2 * FG_MAX_INTERFACES * FG_DIRECTIONS),
        array("fg_interfaces", sizeof(fg_interface), FG_MAX_INTERFACES),
        array("fg_gate", sizeof(fg_gate_line), FG_GATE_LINES),
        {"fg_blocks", BPF_MAP_TYPE_HASH, sizeof(fg_address), sizeof(fg_block), max_blocks, BPF_F_NO_PREALLOC},
        {"fg_samples", BPF_MAP_TYPE_RINGBUF, 0, 0, FG_SAMPLE_RING, 0},
        {"fg_prefixes", BPF_MAP_TYPE_LPM_TRIE, sizeof(fg_prefix), sizeof(fg_block), max_blocks, BPF_F_NO_PREALLOC},
        array("fg_rules", sizeof(fg_rule), FG_MAX_RULES),
        array("fg_rule_halves", sizeof(fg_rule_half), FG_RULE_HALVES),
        array("fg_rule_rows", sizeof(fg_rule_row), FG_RULE_HALVES * FG_RULE_ROWS),
        {"fg_rule_prefixes_0", BPF_MAP_TYPE_LPM_TRIE, sizeof(fg_prefix), 4, FG_RULE_ADDRESSES, BPF_F_NO_PREALLOC},
        {"fg_rule_prefixes_1", BPF_MAP_TYPE_LPM_TRIE, sizeof(fg_prefix), 4, FG_RULE_ADDRESSES, BPF_F_NO_PREALLOC},
        {"fg_buckets", BPF_MAP_TYPE_ARRAY, 4, sizeof(fg_bucket_set), FG_BUCKET_SETS, 0},
    };
}

std::uint64_t random_seed()
{
    std::uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = static_cast<std::uint64_t>(std::time(nullptr));
    return seed;
}

void initialise(fg_control &control, std::uint32_t capacity, std::uint32_t cpus, std::uint32_t max_blocks)
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    control.capacity = capacity;
    control.cpus = cpus;
    control.max_blocks = max_blocks;
    control.sample_budget = FG_SAMPLE_BUDGET;
    control.hash_seed = random_seed();
    control.since_realtime_ns = static_cast<__u64>(now.tv_sec) * 1'000'000'000 + static_cast<__u64>(now.tv_nsec);
    control.epoch = 1;
    control.committed = 0;
    /* Last: whoever finds the version finds everything. */
    __atomic_store_n(&control.abi_version, FG_ABI_VERSION, __ATOMIC_RELEASE);
}

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

/// splitmix64 (Steele, Lea, Flood 2014): spreads one seed over the hash keys.
std::uint64_t next_key(std::uint64_t &state)
{
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

Error map_error(const char *action, const char *name, int error)
{
    if (error == EPERM)
        return {
            ExitCode::Permission,
            fmt::format("cannot {} BPF map {}: not permitted; run as root (CAP_BPF and CAP_NET_ADMIN)", action, name)};
    if (error == ENOMEM)
        return {ExitCode::Failed,
                fmt::format("cannot {} BPF map {}: not enough memory; choose a smaller 'capacity'", action, name)};
    return {ExitCode::Failed, fmt::format("cannot {} BPF map {}: {}", action, name, std::strerror(error))};
}

} // namespace

Mapping &Mapping::operator=(Mapping &&other) noexcept
{
    std::swap(memory_, other.memory_);
    std::swap(length_, other.length_);
    return *this;
}

Mapping::~Mapping()
{
    if (memory_)
        munmap(memory_, length_);
}

Result<Maps> Maps::create(const std::filesystem::path &pins, std::uint32_t capacity, std::uint32_t max_blocks)
{
    const std::uint32_t cpus = possible_cpus();
    Maps maps;
    for (const MapSpec &spec : map_specs(capacity, cpus, max_blocks)) {
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = spec.flags);
        Fd fd(bpf_map_create(spec.type, spec.name, spec.key_size, spec.value_size,
                             static_cast<std::uint32_t>(spec.entries), &options));
        if (!fd)
            return std::unexpected(map_error("create", spec.name, errno));
        maps.fds_.emplace(spec.name, std::move(fd));
    }
    if (auto mapped = maps.map_all(); !mapped)
        return std::unexpected(mapped.error());
    initialise(maps.control(), capacity, cpus, max_blocks);
    for (const auto &[name, fd] : maps.fds_) {
        if (bpf_obj_pin(fd.get(), (pins / name).c_str()) != 0) {
            const int error = errno;
            unpin(pins);
            return std::unexpected(map_error("pin", name.c_str(), error));
        }
    }
    return maps;
}

Result<Maps> Maps::open(const std::filesystem::path &pins)
{
    Maps maps;
    for (const MapSpec &spec : map_specs(FG_MIN_CAPACITY, 1, FG_MIN_CAPACITY)) {
        Fd fd(bpf_obj_get((pins / spec.name).c_str()));
        if (!fd && errno == ENOENT && maps.fds_.empty())
            return fail(ExitCode::NotRunning, "nothing is attached");
        if (!fd && errno == ENOENT)
            return fail(ExitCode::Failed, fmt::format("the maps in {} are of another version: there is no {}; run "
                                                      "'flowguard detach' first",
                                                      pins.string(), spec.name));
        if (!fd)
            return std::unexpected(map_error("open", spec.name, errno));
        maps.fds_.emplace(spec.name, std::move(fd));
    }
    if (auto mapped = maps.map_all(); !mapped)
        return std::unexpected(mapped.error());
    const fg_control &control = maps.control();
    if (control.abi_version != FG_ABI_VERSION || control.cpus != possible_cpus() ||
        maps.index.size() != std::size_t{maps.tables()} * fg_index_lines(maps.capacity()))
        return fail(ExitCode::Failed,
                    fmt::format("the maps in {} are of another version (ABI {}, not {}); run 'flowguard detach' first",
                                pins.string(), control.abi_version, FG_ABI_VERSION));
    return maps;
}

void Maps::unpin(const std::filesystem::path &pins)
{
    std::error_code ignored;
    for (const MapSpec &spec : map_specs(FG_MIN_CAPACITY, 1, FG_MIN_CAPACITY))
        std::filesystem::remove(pins / spec.name, ignored);
}

template <class T> Result<MappedArray<T>> Maps::map(const char *name)
{
    bpf_map_info info{};
    std::uint32_t info_length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd(name), &info, &info_length) != 0)
        return std::unexpected(map_error("inspect", name, errno));
    if (info.value_size != sizeof(T))
        return fail(ExitCode::Failed,
                    fmt::format("BPF map {} is of another version; run 'flowguard detach' first", name));
    const std::size_t page = page_size();
    const std::size_t length = (std::size_t{info.max_entries} * sizeof(T) + page - 1) / page * page;
    void *memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd(name), 0);
    if (memory == MAP_FAILED)
        return std::unexpected(map_error("map", name, errno));
    mappings_.emplace_back(memory, length);
    return MappedArray<T>(memory, info.max_entries);
}

Result<void> Maps::map_all()
{
    const auto into = [this]<class T>(MappedArray<T> &array, const char *name) -> Result<void> {
        auto mapped = map<T>(name);
        if (!mapped)
            return std::unexpected(mapped.error());
        array = *mapped;
        return {};
    };
    Result<void> done = into(control_, "fg_control");
    if (done)
        done = into(counters, "fg_counters");
    if (done)
        done = into(heads, "fg_heads");
    if (done)
        done = into(index, "fg_index");
    if (done)
        done = into(overflow, "fg_overflow");
    if (done)
        done = into(known, "fg_known");
    if (done)
        done = into(ledger, "fg_ledger");
    if (done)
        done = into(interfaces, "fg_interfaces");
    return done;
}

Result<std::span<const fg_flow_record>> RecordWindow::view(const Maps &maps, std::uint32_t table, std::uint32_t count)
{
    constexpr std::uint32_t least = 512;
    constexpr std::uint32_t too_large = 8; ///< times what is in use
    const std::uint32_t wanted = count == 0 ? 0 : std::min(maps.capacity(), std::bit_ceil(std::max(count, least)));
    if (count <= mapped_ && mapped_ / too_large <= wanted)
        return std::span(first_, count);
    mapping_ = Mapping();
    mapped_ = 0;
    if (wanted == 0)
        return std::span<const fg_flow_record>();
    const std::size_t begin = std::size_t{table} * maps.capacity() * sizeof(fg_flow_record);
    const std::size_t before = begin % page_size();
    const std::size_t length = before + std::size_t{wanted} * sizeof(fg_flow_record);
    void *memory = mmap(nullptr, length, PROT_READ, MAP_SHARED, maps.fd("fg_records"),
                        static_cast<off_t>(begin - before));
    if (memory == MAP_FAILED)
        return std::unexpected(map_error("map", "fg_records", errno));
    mapping_ = Mapping(memory, length);
    first_ = reinterpret_cast<const fg_flow_record *>(static_cast<const char *>(memory) + before);
    mapped_ = wanted;
    return std::span(first_, count);
}

HashKeys Maps::hash_keys() const
{
    HashKeys keys{};
    std::uint64_t state = control().hash_seed;
    for (__u64 &key : keys)
        key = next_key(state);
    return keys;
}

int Maps::fd(const std::string &name) const
{
    const auto found = fds_.find(name);
    return found == fds_.end() ? -1 : found->second.get();
}

std::size_t Maps::block_count() const
{
    return std::size_t{__atomic_load_n(&control().hosts, __ATOMIC_RELAXED)} +
           __atomic_load_n(&control().prefixes, __ATOMIC_RELAXED);
}

std::uint64_t Maps::memory_bytes() const { return map_memory(capacity(), cpus(), control().max_blocks, block_count()); }

std::uint64_t Maps::measured_memory_bytes() const
{
    std::uint64_t sum = 0;
    for (const auto &[name, fd] : fds_)
        sum += map_memlock(fd.get());
    return sum;
}

std::uint64_t map_memlock(int fd)
{
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", fd));
    for (std::string key; info >> key;)
        if (std::uint64_t bytes = 0; key == "memlock:" && info >> bytes)
            return bytes;
    return 0;
}

std::uint64_t map_memory(std::uint32_t capacity, std::uint32_t cpus, std::uint32_t max_blocks, std::uint64_t blocks)
{
    constexpr std::uint64_t bucket = 16;   ///< of a hash, one for each entry that it may take
    constexpr std::uint64_t element = 192; ///< of a hash or trie: key, value, and what the kernel keeps beside them
    std::uint64_t bytes = 0;
    for (const MapSpec &spec : map_specs(capacity, cpus, max_blocks)) {
        if (spec.type == BPF_MAP_TYPE_ARRAY)
            bytes += (spec.entries * spec.value_size + page_size() - 1) / page_size() * page_size();
        else if (spec.type == BPF_MAP_TYPE_HASH)
            bytes += std::bit_ceil(spec.entries) * bucket;
        else if (spec.type == BPF_MAP_TYPE_RINGBUF)
            bytes += spec.entries;
    }
    return bytes + blocks * element;
}

std::uint32_t default_capacity(std::uint32_t cpus, std::uint64_t memory_bytes)
{
    constexpr std::uint32_t all_cpus = 1U << 18;
    std::uint32_t capacity = std::clamp(std::bit_floor(all_cpus / cpus), 1U << 14, 1U << 17);
    while (capacity > FG_MIN_CAPACITY && map_memory(capacity, cpus) > memory_bytes / 20)
        capacity /= 2;
    return capacity;
}

Result<void> check_capacity(std::uint32_t capacity, std::uint32_t cpus, std::uint64_t memory_bytes)
{
    if (!std::has_single_bit(capacity) || capacity < FG_MIN_CAPACITY || capacity > FG_MAX_CAPACITY)
        return fail(ExitCode::Usage, fmt::format("capacity {} is not a power of two from {} to {}; the nearest is {}",
                                                 capacity, FG_MIN_CAPACITY, FG_MAX_CAPACITY,
                                                 capacity >= FG_MAX_CAPACITY   ? FG_MAX_CAPACITY
                                                 : capacity <= FG_MIN_CAPACITY ? FG_MIN_CAPACITY
                                                                               : std::bit_ceil(capacity)));
    if (map_memory(capacity, cpus) > memory_bytes / 2)
        return fail(
            ExitCode::Failed,
            fmt::format("capacity {} needs {} MiB of kernel memory on {} CPUs, more than half of this host's {} MiB; "
                        "{} fits",
                        capacity, map_memory(capacity, cpus) >> 20, cpus, memory_bytes >> 20,
                        default_capacity(cpus, memory_bytes)));
    return {};
}

std::uint32_t possible_cpus()
{
    const int cpus = libbpf_num_possible_cpus();
    return cpus > 0 ? static_cast<std::uint32_t>(cpus) : 1;
}

std::uint64_t physical_memory_bytes()
{
    return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

} // namespace flowguard
