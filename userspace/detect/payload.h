// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

namespace flowguard {

/// About how many bytes of the packets of one side are payload. `volume` and `sent` are of the packets in question,
/// `ever` is of all that the side has sent on the flow: its shortest packet tells how long the headers are.
std::uint64_t payload_bytes(const FlowKey &key, const Volume &volume, const Sent &sent, const Sent &ever);

} // namespace flowguard
