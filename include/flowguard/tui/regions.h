// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace flowguard {

/// Lines of the screen that each part gets, from top to bottom.
struct Regions {
    int title = 0;
    int totals_heading = 0;
    int totals = 0;
    int facts = 0;
    int interfaces = 0; ///< with their heading
    int heading = 0;
    int rows = 0;
    int status = 0;
};

/// The less there is of `height`, the more of it the rows keep.
Regions divide_screen(int height, std::size_t interface_count);

} // namespace flowguard
