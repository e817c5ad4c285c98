// SPDX-License-Identifier: Apache-2.0
/* What comes over the socket or the command line: request targets, addresses, filters. */
#include "flowguard/api/message.h"
#include "flowguard/core/filter.h"
#include "flowguard/core/ip_address.h"

#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char *>(data), size);
    flowguard::Request request;
    (void)flowguard::parse_target(text, request);

    flowguard::Request encoded;
    if (!flowguard::parse_target("/?x=" + flowguard::percent_encode(text), encoded) || encoded.query["x"] != text)
        std::abort();

    if (const auto address = flowguard::IpAddress::parse(text); address)
        if (flowguard::IpAddress::parse(address->to_string()).value() != *address)
            std::abort();

    /* Names would be looked up, which is no work for a fuzzer: numbers, operators and keywords only. */
    if (text.size() < 64 && text.find_first_not_of("0123456789./:<>=&|![]() andortcpudimhsvlg") == std::string::npos)
        if (const auto filter = flowguard::FlowFilter::compile(text); filter)
            (void)filter->matches(flowguard::Flow{});
    return 0;
}
