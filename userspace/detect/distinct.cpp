// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/distinct.h"

#include <algorithm>

namespace flowguard {
namespace {

/// Any odd random numbers would do. Fixed, because the same capture must give the same incidents.
constexpr HashKeys fixed_keys = [] {
    HashKeys keys{};
    std::uint64_t state = 0x9e3779b97f4a7c15;
    for (auto &key : keys) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        key = state | 1;
    }
    return keys;
}();

void note_in(SmallSketch &sketch, const IpAddress &address)
{
    std::uint8_t bytes[16];
    std::ranges::copy(address.bytes(), bytes);
    sketch.note(bytes, fixed_keys);
}

} // namespace

void Distinct::note(const IpAddress &address)
{
    if (sketch_)
        return note_in(*sketch_, address);
    if (std::ranges::find(few_, address) != few_.end())
        return;
    if (few_.size() < exact) {
        few_.push_back(address);
        return;
    }
    sketch_ = std::make_unique<SmallSketch>();
    for (const IpAddress &each : few_)
        note_in(*sketch_, each);
    note_in(*sketch_, address);
}

void Distinct::join(const Distinct &other)
{
    for (const IpAddress &each : other.few_)
        note(each);
    if (!other.sketch_)
        return;
    if (!sketch_) {
        sketch_ = std::make_unique<SmallSketch>();
        for (const IpAddress &each : few_)
            note_in(*sketch_, each);
    }
    sketch_->join(*other.sketch_);
}

std::uint64_t Distinct::count() const { return sketch_ ? sketch_->estimate() : few_.size(); }

void Distinct::clear()
{
    few_.clear();
    sketch_.reset();
}

} // namespace flowguard
