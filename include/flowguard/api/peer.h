// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/api/message.h"

#include <optional>

namespace flowguard {

/// Who is connected to a unix socket, by the kernel's credentials. Nothing if they may not even read.
std::optional<Peer> identify_peer(int socket);
/// True if a group exists whose members may use the socket without being root.
bool has_access_group();

} // namespace flowguard
