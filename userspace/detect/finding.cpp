// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/finding.h"

namespace flowguard {

Evidence Evidence::of(const Flow &flow)
{
    return {.source = flow.key.client,
            .target = flow.key.server,
            .proto = flow.key.proto,
            .source_port = flow.key.client_port,
            .target_port = flow.key.server_port,
            .volume = flow.to_server + flow.to_client};
}

} // namespace flowguard
