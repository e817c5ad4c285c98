// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/gate.h"

#include <fmt/format.h>

#include <cstring>
#include <sys/mman.h>

namespace flowguard {
namespace {

constexpr std::size_t words = std::size_t{FG_GATE_LINES} * FG_GATE_LINE_BITS / 64;
constexpr unsigned v4_offset = 96;

/// Calls `set` with the first bit and the number of bits that follow each other, as often as it takes.
template <class Set> void for_each_bit(const IpPrefix &prefix, const HashKeys &keys, Set set)
{
    const auto &bytes = prefix.first().bytes();
    if (prefix.first().is_v4() && prefix.bits() >= v4_offset) {
        constexpr unsigned network = 24;
        const unsigned bits = std::min(prefix.bits() - v4_offset, network);
        return set(fg_gate_v4(bytes.data()), 1U << (network - bits));
    }
    if (prefix.bits() >= FG_GATE_V6_LONG)
        return set(fg_gate_v6(bytes.data(), FG_GATE_V6_LONG, keys.data()), 1U);
    const unsigned free_bits = FG_GATE_V6_SHORT - std::min(prefix.bits(), FG_GATE_V6_SHORT);
    const std::uint32_t first = static_cast<std::uint32_t>(bytes[0]) << 16 | static_cast<std::uint32_t>(bytes[1]) << 8 |
                                bytes[2];
    for (std::uint32_t i = 0; i < 1U << free_bits; i++) {
        const std::uint32_t network = first | i;
        const std::uint8_t address[16] = {static_cast<std::uint8_t>(network >> 16),
                                          static_cast<std::uint8_t>(network >> 8), static_cast<std::uint8_t>(network)};
        set(fg_gate_v6(address, FG_GATE_V6_SHORT, keys.data()), 1U);
    }
}

/// Of one word, those of the bits from `first` to before `end` that it has.
std::uint64_t mask(std::uint64_t word, std::uint64_t first, std::uint64_t end)
{
    const std::uint64_t from = std::max(first, word * 64) - word * 64;
    const std::uint64_t to = std::min(end, word * 64 + 64) - word * 64;
    const std::uint64_t below = to == 64 ? ~0ULL : (1ULL << to) - 1;
    return below & ~((1ULL << from) - 1);
}

template <class Or> void set_bits(std::uint64_t first, std::uint64_t count, Or set_word)
{
    for (std::uint64_t word = first / 64; word * 64 < first + count; word++)
        set_word(word, mask(word, first, first + count));
}

} // namespace

Result<Gate> Gate::open(const Maps &maps)
{
    void *memory = mmap(nullptr, words * 8, PROT_READ | PROT_WRITE, MAP_SHARED, maps.fd("fg_gate"), 0);
    if (memory == MAP_FAILED)
        return fail(ExitCode::Failed, fmt::format("cannot map BPF map fg_gate: {}", std::strerror(errno)));
    return Gate(Mapping(memory, words * 8), maps.hash_keys());
}

void Gate::allow(const IpPrefix &prefix)
{
    auto *gate = static_cast<std::uint64_t *>(mapping_.memory());
    for_each_bit(prefix, keys_, [&](std::uint64_t first, std::uint64_t count) {
        set_bits(first, count, [&](std::uint64_t word, std::uint64_t bits) {
            if ((gate[word] & bits) != bits)
                __atomic_store_n(&gate[word], gate[word] | bits, __ATOMIC_RELAXED);
        });
    });
}

void Gate::rebuild(const std::vector<IpPrefix> &prefixes)
{
    std::vector<std::uint64_t> wanted(words);
    for (const IpPrefix &prefix : prefixes)
        for_each_bit(prefix, keys_, [&](std::uint64_t first, std::uint64_t count) {
            set_bits(first, count, [&](std::uint64_t word, std::uint64_t bits) { wanted[word] |= bits; });
        });
    auto *gate = static_cast<std::uint64_t *>(mapping_.memory());
    for (std::size_t word = 0; word < words; word++)
        if (gate[word] != wanted[word])
            __atomic_store_n(&gate[word], wanted[word], __ATOMIC_RELAXED);
}

bool is_short_prefix(const IpPrefix &prefix)
{
    return prefix.bits() < FG_GATE_V6_LONG; /* IPv4 ones have 96 bits at least */
}

} // namespace flowguard
