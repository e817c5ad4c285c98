// SPDX-License-Identifier: Apache-2.0
/* Any bytes parse into names that are within DNS's bounds, and a cut message gives no more than the whole one. */
#include "flowguard/detect/dns.h"
#include "flowguard/detect/names.h"
#include "flowguard/detect/registered_domain.h"

#include <cstdlib>

namespace {

void require(bool holds)
{
    if (!holds)
        std::abort();
}

void check_name(const std::string &name)
{
    std::size_t wire = 1; /* the root */
    for (const std::string &label : flowguard::dns_labels(name)) {
        require(!label.empty() && label.size() <= 63);
        wire += label.size() + 1;
    }
    require(wire <= 255);
    require(name.ends_with(flowguard::registered_domain(name)));
    (void)flowguard::has_public_suffix(name);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    flowguard::DnsSample sample;
    sample.source_port = 40'000;
    sample.target_port = 53;
    sample.payload.assign(data, data + size);
    sample.length = static_cast<std::uint32_t>(size);
    const auto message = flowguard::parse_dns(sample);
    if (!message)
        return 0;
    check_name(message->name);
    for (const flowguard::DnsAnswer &answer : message->answers)
        check_name(answer.name);
    flowguard::Names names;
    names.note(*message);

    sample.payload.resize(size / 2);
    if (const auto cut = flowguard::parse_dns(sample)) {
        require(cut->name == message->name);
        require(cut->answers.size() <= message->answers.size());
    }
    return 0;
}
