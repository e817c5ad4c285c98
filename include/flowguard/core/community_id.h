// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <string>

namespace flowguard {

/// Community ID version 1 with seed 0, as Zeek, Suricata and Wireshark compute it.
/// Source: github.com/corelight/community-id-spec. Protocols without ports, and later fragments, are hashed without ports.
std::string community_id(const FlowKey &key);

} // namespace flowguard
