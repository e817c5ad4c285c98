// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/flow.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

/// A DNS packet as it was sampled: what follows the UDP header, possibly cut.
struct DnsSample {
    TimeNs time = 0;
    IpAddress source;
    IpAddress target;
    std::uint16_t source_port = 0;
    std::uint16_t target_port = 0;
    std::vector<std::uint8_t> payload;
    std::uint32_t length = 0; ///< of the payload before it was cut
};

struct DnsAnswer {
    std::string name;
    std::uint16_t type = 0;
    std::uint32_t length = 0;         ///< of the data
    std::optional<IpAddress> address; ///< of A and AAAA
};

struct DnsMessage {
    TimeNs time = 0;
    IpAddress client;
    IpAddress server;
    std::uint16_t server_port = 0;
    bool response = false;
    bool asked = true; ///< of a response: the client had asked, or its questions are not seen here; see Names
    std::uint8_t rcode = 0;
    std::string name; ///< of the question, lower case, without the last dot
    std::uint16_t type = 0;
    std::uint32_t length = 0; ///< bytes of the message
    std::vector<DnsAnswer> answers;
};

/// None if it is not DNS, or has no question. What is cut is parsed as far as it goes.
std::optional<DnsMessage> parse_dns(const DnsSample &sample);

/// The labels of a name as DnsMessage has it, in their order, with the bytes that stand there escaped (\DDD).
std::vector<std::string> dns_labels(std::string_view name);

} // namespace flowguard
