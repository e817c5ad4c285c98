// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace flowguard {

/// sd_notify(3): tells systemd how the service stands; does nothing outside systemd.
void notify_service_manager(std::string_view state);

} // namespace flowguard
