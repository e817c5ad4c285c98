// SPDX-License-Identifier: Apache-2.0
#include "flowguard/abi/counters.h"
#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"

namespace flowguard {

Run build_version(CLI::App &)
{
    return [](const Context &context) -> Result<void> {
        if (context.json)
            print_json({{"version", FLOWGUARD_VERSION}, {"abi", FG_ABI_VERSION}});
        else
            print_line("flowguard " FLOWGUARD_VERSION);
        return {};
    };
}

} // namespace flowguard
