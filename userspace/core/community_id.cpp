// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/community_id.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

#include <algorithm>
#include <span>
#include <tuple>
#include <vector>

namespace flowguard {
namespace {

struct Ends {
    std::vector<std::uint8_t> source;
    std::vector<std::uint8_t> destination;
    std::uint16_t source_port;
    std::uint16_t destination_port;
};

std::vector<std::uint8_t> wire_bytes(const IpAddress &address)
{
    const auto &bytes = address.bytes();
    return {bytes.begin() + (address.is_v4() ? 12 : 0), bytes.end()};
}

/// The specification's "one-way" ICMP types have no counterpart and keep their direction.
std::uint8_t icmp_counterpart(std::uint8_t proto, std::uint8_t type, bool &one_way)
{
    one_way = false;
    if (const std::uint8_t request = icmp_request_type(proto, type); request != type)
        return request;
    for (unsigned answer = 0; answer < 256; answer++)
        if (answer != type && icmp_request_type(proto, static_cast<std::uint8_t>(answer)) == type)
            return static_cast<std::uint8_t>(answer);
    one_way = true;
    return 0;
}

void put_in_order(Ends &ends, bool one_way)
{
    if (one_way || std::tie(ends.source, ends.source_port) < std::tie(ends.destination, ends.destination_port))
        return;
    std::swap(ends.source, ends.destination);
    std::swap(ends.source_port, ends.destination_port);
}

void update(sha1_ctx &sha1, std::span<const std::uint8_t> bytes) { sha1_update(&sha1, bytes.size(), bytes.data()); }

void update(sha1_ctx &sha1, std::uint16_t word)
{
    const std::uint8_t bytes[2] = {static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
    update(sha1, bytes);
}

} // namespace

std::string community_id(const FlowKey &key)
{
    Ends ends{wire_bytes(key.client), wire_bytes(key.server), key.client_port, key.server_port};
    const bool with_ports = (key.flags & FG_KEY_NO_PORTS) == 0 &&
                            (key.proto == FG_PROTO_TCP || key.proto == FG_PROTO_UDP || key.proto == FG_PROTO_SCTP ||
                             is_icmp(key.proto));
    bool one_way = false;
    if (with_ports && is_icmp(key.proto)) {
        const std::uint8_t counterpart = icmp_counterpart(key.proto, static_cast<std::uint8_t>(key.client_port),
                                                          one_way);
        ends.destination_port = one_way ? key.server_port : counterpart;
    }
    put_in_order(ends, one_way);

    sha1_ctx sha1;
    sha1_init(&sha1);
    update(sha1, std::uint16_t{0}); /* seed */
    update(sha1, ends.source);
    update(sha1, ends.destination);
    update(sha1, static_cast<std::uint16_t>(key.proto << 8)); /* and a byte of padding */
    if (with_ports) {
        update(sha1, ends.source_port);
        update(sha1, ends.destination_port);
    }
    std::uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_digest(&sha1, sizeof digest, digest);
    char text[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)];
    base64_encode_raw(text, sizeof digest, digest);
    return "1:" + std::string(text, sizeof text);
}

} // namespace flowguard
