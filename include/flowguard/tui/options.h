// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/json.h"
#include "flowguard/core/top.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

namespace flowguard {

/// What `top` shows.
struct TopOptions {
    TopBy by = TopBy::Flow;
    SortBy sort = SortBy::Rate;
    std::string filter = {}; ///< tcpdump expression; empty: everything
    std::size_t limit = 200; ///< rows; 0: all

    bool operator==(const TopOptions &) const = default;
};

/// Gets the /v1/top document of a tick later than `after_tick` (0: the current one), waiting for it a few seconds at
/// most. Errors: ExitCode::Usage when the options are refused (a bad filter), else the daemon cannot be asked.
using Fetch = std::function<Result<Json>(const TopOptions &options, std::uint64_t after_tick, std::stop_token stop)>;

/// Words of the API and of the command line: flow, remote, local, service; rate, bytes, packets, start.
std::string_view view_name(TopBy view);
std::string_view sort_name(SortBy sort);
/// For people: flows, remote addresses, …
std::string_view view_title(TopBy view);

} // namespace flowguard
