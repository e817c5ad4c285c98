// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/tui/options.h"

namespace flowguard {

/// `flowguard top` in full screen, until q, SIGINT, SIGTERM, SIGHUP or SIGQUIT; these and a terminal that goes away
/// count as done. The terminal is always given back as it was.
///
/// The first document is fetched before the screen opens, and its error is returned: no daemon, no permission, a bad
/// filter. Later errors are shown, and fetching goes on. Fails with ExitCode::Usage if standard input and output are
/// not a terminal.
///
/// The caller
/// - has called setlocale(LC_ALL, "");
/// - provides `fetch`, which is called here once and afterwards on one other thread, never twice at a time. It returns
///   within 5 s, and soon after `stop` is requested (close or shut down the socket in a std::stop_callback, or wait in
///   short slices); what it returns then is ignored. If it does not heed `stop`, quitting still gives the terminal back
///   at once, but run_top() returns only when `fetch` has.
Result<void> run_top(TopOptions options, Fetch fetch);

} // namespace flowguard
