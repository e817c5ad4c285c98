// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace flowguard {

/// A service is known to listen there: by IANA, or by wide use. Of TCP.
bool is_service_port(std::uint16_t port);
/// The protocol there asks at even gaps by design: time, names, polling, keep-alives.
bool is_periodic_port(std::uint16_t port);

} // namespace flowguard
