// SPDX-License-Identifier: Apache-2.0
/* Blacklists: whatever a file holds, entries are in order and nothing private is listed. */
#include "flowguard/detect/locality.h"
#include "flowguard/detect/reputation.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    using namespace flowguard;
    if (size == 0)
        return 0;
    /* The first byte chooses the format. */
    constexpr const char *formats[] = {"plain", "hosts", "domains", "csv", "csv:2", "csv:ip"};
    const auto syntax = FeedSyntax::parse(formats[data[0] % std::size(formats)]);
    const std::string text(reinterpret_cast<const char *>(data + 1), size - 1);
    const ParsedFeed feed = parse_feed(text, *syntax);
    if (feed.complaints.size() > ParsedFeed::max_complaints || feed.garbage + feed.refused < feed.complaints.size())
        std::abort();
    const NamedFeed named{.name = "fuzz", .feed = &feed};
    const Reputation reputation({&named, 1});
    for (const AddressRange &range : feed.ranges) {
        if (range.last < range.first || Locality::is_private(range.first) || Locality::is_private(range.last))
            std::abort();
        if (!reputation.listed(range.first) || !reputation.listed(range.last))
            std::abort();
    }
    for (const std::string &name : feed.names)
        if (!reputation.listed_name("www." + name))
            std::abort();
    return 0;
}
