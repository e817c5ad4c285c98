// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace flowguard {

/// A few different things, and when one of them was last noted. After `Memory` without any it begins anew.
template <class Thing, std::size_t Most, TimeNs Memory> class Few {
  public:
    void note(const Thing &thing, TimeNs now)
    {
        if (now - last_ > Memory)
            count_ = 0;
        last_ = now;
        const auto end = things_.begin() + static_cast<std::ptrdiff_t>(count_);
        if (count_ < Most && std::find(things_.begin(), end, thing) == end)
            things_[count_++] = thing;
    }
    std::size_t count() const { return count_; }
    TimeNs last() const { return last_; }

  private:
    std::array<Thing, Most> things_{};
    std::size_t count_ = 0;
    TimeNs last_ = 0;
};

} // namespace flowguard
