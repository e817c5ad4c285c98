// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowguard {

/// The first word of a tcpdump expression that libpcap would look up as the name of a host or network; nothing if there
/// is none. A daemon that asked a name server for each filter could be made to wait by anybody who may read.
std::optional<std::string> name_in_filter(std::string_view expression);

} // namespace flowguard
