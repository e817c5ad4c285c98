// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace flowguard {

/// Exit codes that scripts rely on; an error carries the one that its command ends with.
enum class ExitCode : int {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Permission = 3,
    NotRunning = 4, ///< no daemon, or not attached
    Refused = 5,    ///< for safety
};

/// One sentence for the operator: what happened, why, what to do next.
struct Error {
    ExitCode code = ExitCode::Failed;
    std::string message;
};

template <class T> using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ExitCode code, std::string message)
{
    return std::unexpected(Error{code, std::move(message)});
}

} // namespace flowguard
