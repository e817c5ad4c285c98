// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <ctime>
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

std::vector<MapSpec> map_specs(std::uint32_t capacity, std::uint32_t cpus)
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
        array("fg_ledger", sizeof(fg_ledger_entry), 2 * FG_MAX_INTERFACES * FG_DIRECTIONS),
        array("fg_interfaces", sizeof(fg_interface), FG_MAX_INTERFACES),
        {"fg_blocks", BPF_MAP_TYPE_HASH, sizeof(fg_address), sizeof(fg_block), FG_MAX_BLOCKS, BPF_F_NO_PREALLOC},
    };
}

std::uint64_t random_seed()
{
    std::uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = static_cast<std::uint64_t>(std::time(nullptr));
    return seed;
}

void initialise(fg_control &control, std::uint32_t capacity, std::uint32_t cpus)
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    control.capacity = capacity;
    control.cpus = cpus;
    control.hash_seed = random_seed();
    control.since_realtime_ns = static_cast<__u64>(now.tv_sec) * 1'000'000'000 + static_cast<__u64>(now.tv_nsec);
    control.epoch = 1;
    control.committed = 0;
    /* Last: whoever finds the version finds everything. */
    __atomic_store_n(&control.abi_version, FG_ABI_VERSION, __ATOMIC_RELEASE);
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

Result<Maps> Maps::create(const std::filesystem::path &pins, std::uint32_t capacity)
{
    const std::uint32_t cpus = possible_cpus();
    Maps maps;
    for (const MapSpec &spec : map_specs(capacity, cpus)) {
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = spec.flags);
        Fd fd(bpf_map_create(spec.type, spec.name, spec.key_size, spec.value_size,
                             static_cast<std::uint32_t>(spec.entries), &options));
        if (!fd)
            return std::unexpected(map_error("create", spec.name, errno));
        maps.fds_.emplace(spec.name, std::move(fd));
    }
    if (auto mapped = maps.map_all(); !mapped)
        return std::unexpected(mapped.error());
    initialise(maps.control(), capacity, cpus);
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
    for (const MapSpec &spec : map_specs(FG_MIN_CAPACITY, 1)) {
        Fd fd(bpf_obj_get((pins / spec.name).c_str()));
        if (!fd && errno == ENOENT)
            return fail(ExitCode::NotRunning, "nothing is attached");
        if (!fd)
            return std::unexpected(map_error("open", spec.name, errno));
        maps.fds_.emplace(spec.name, std::move(fd));
    }
    if (auto mapped = maps.map_all(); !mapped)
        return std::unexpected(mapped.error());
    const fg_control &control = maps.control();
    if (control.abi_version != FG_ABI_VERSION || control.cpus != possible_cpus() ||
        maps.records.size() != std::size_t{maps.tables()} * maps.capacity())
        return fail(ExitCode::Failed,
                    fmt::format("the maps in {} are of another version (ABI {}, not {}); run 'flowguard detach' first",
                                pins.string(), control.abi_version, FG_ABI_VERSION));
    return maps;
}

void Maps::unpin(const std::filesystem::path &pins)
{
    std::error_code ignored;
    for (const MapSpec &spec : map_specs(FG_MIN_CAPACITY, 1))
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
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
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
        done = into(records, "fg_records");
    if (done)
        done = into(ledger, "fg_ledger");
    if (done)
        done = into(interfaces, "fg_interfaces");
    return done;
}

void Maps::unmap()
{
    for (const Mapping &mapping : mappings_)
        munmap(mapping.memory, mapping.length);
    mappings_.clear();
}

Maps &Maps::operator=(Maps &&other) noexcept
{
    if (this != &other) {
        unmap();
        fds_ = std::move(other.fds_);
        mappings_ = std::move(other.mappings_);
        control_ = other.control_;
        counters = other.counters;
        heads = other.heads;
        index = other.index;
        records = other.records;
        ledger = other.ledger;
        interfaces = other.interfaces;
    }
    return *this;
}

Maps::~Maps() { unmap(); }

int Maps::fd(const std::string &name) const
{
    const auto found = fds_.find(name);
    return found == fds_.end() ? -1 : found->second.get();
}

std::uint64_t Maps::memory_bytes() const { return map_memory(capacity(), cpus()); }

std::uint64_t map_memory(std::uint32_t capacity, std::uint32_t cpus)
{
    std::uint64_t bytes = 0;
    for (const MapSpec &spec : map_specs(capacity, cpus)) {
        /* The blocklist allocates per entry; 4,096 stands for what is usual. */
        const std::uint64_t entries = spec.type == BPF_MAP_TYPE_HASH ? 4096 : spec.entries;
        bytes += entries * (spec.key_size + spec.value_size);
    }
    return bytes;
}

std::uint32_t default_capacity(std::uint32_t cpus, std::uint64_t memory_bytes)
{
    std::uint32_t capacity = 65536;
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
