// SPDX-License-Identifier: Apache-2.0
#include "flowguard/abi/flow.h"
#include "flowguard/core/hash_keys.h"

#include "records.h"

#include <gtest/gtest.h>

#include <random>

namespace flowguard::test {
namespace {

/// The fullest of `lines` index lines, with this many flows from consecutive addresses.
unsigned fullest_line(const HashKeys &keys, unsigned flows, unsigned lines)
{
    std::vector<unsigned> used(lines);
    Record record("198.18.0.0", 1000, "10.0.0.2", 80);
    for (unsigned i = 0; i < flows; i++) {
        record.value.key.src[14] = static_cast<std::uint8_t>(i >> 8);
        record.value.key.src[15] = static_cast<std::uint8_t>(i);
        used[(fg_flow_hash(&record.value.key, keys.data()) >> 32) & (lines - 1)]++;
    }
    return *std::ranges::max_element(used);
}

/* Scans and address plans are sequences. At random, one of 1,024 lines holds 26 of 8,192 flows once in a million. */
TEST(FlowHash, SpreadsConsecutiveAddressesWhateverTheKeys)
{
    for (unsigned seed = 0; seed < 500; seed++) {
        std::mt19937_64 random(seed);
        HashKeys keys;
        for (auto &key : keys)
            key = random();
        EXPECT_LT(fullest_line(keys, 8192, 1024), 32U) << "seed " << seed;
    }
}

} // namespace
} // namespace flowguard::test
