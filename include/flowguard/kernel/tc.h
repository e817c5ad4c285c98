// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/flow.h"
#include "flowguard/core/error.h"
#include "flowguard/kernel/fd.h"

#include <cstdint>

namespace flowguard {

/// A BPF link at tcx; needs Linux 6.6. errno is kept on failure.
Fd link_tcx(int program, std::uint32_t ifindex, fg_direction direction);
/// A BPF link at XDP, native or generic. errno is kept on failure.
Fd link_xdp(int program, std::uint32_t ifindex, bool native);

/// Makes the clsact qdisc if it is missing; true if it was.
Result<bool> add_clsact(std::uint32_t ifindex);
Result<void> add_filter(int program, std::uint32_t ifindex, fg_direction direction);
/// Removes flowguard's filter, recognised by its program id. Nothing there is not an error.
void remove_filter(std::uint32_t ifindex, fg_direction direction, std::uint32_t program_id);
/// Removes the qdisc unless somebody else has filters on it.
void remove_clsact(std::uint32_t ifindex);

} // namespace flowguard
