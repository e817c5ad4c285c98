// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/known_flows.h"

#include <algorithm>

namespace flowguard {

KnownFlows::KnownFlows(std::uint32_t capacity, const HashKeys &hash_keys)
    : hash_keys_(hash_keys),
      lines_(fg_known_lines(capacity))
{
}

void KnownFlows::clear() { std::ranges::fill(lines_, fg_known_line{}); }

void KnownFlows::add(const fg_flow_key &key)
{
    const fg_known_bits place = fg_known_place(fg_flow_hash(&key, hash_keys_.data()));
    fg_known_line &line = lines_[place.line & (lines_.size() - 1)];
    for (const std::uint32_t bit : place.bit)
        line.word[bit / 64] |= 1ULL << bit % 64;
}

bool KnownFlows::contains(const fg_flow_key &key) const
{
    const fg_known_bits place = fg_known_place(fg_flow_hash(&key, hash_keys_.data()));
    const fg_known_line &line = lines_[place.line & (lines_.size() - 1)];
    return std::ranges::all_of(place.bit, [&](std::uint32_t bit) { return line.word[bit / 64] >> bit % 64 & 1; });
}

} // namespace flowguard
