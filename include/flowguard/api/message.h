// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace flowguard {

/// Who is at the other end of the unix socket, as the kernel says.
struct Peer {
    std::uint32_t uid = 0;
    bool may_write = false; ///< root, or in group flowguard-admin
};

struct Request {
    std::string method;
    std::string path;                         ///< decoded, without the query
    std::map<std::string, std::string> query; ///< decoded
    Json body = Json::object();
    Peer peer;
};

/// Appends some lines; false when there are no more. Called again only after what it gave was sent.
using LineSource = std::function<bool(std::string &lines)>;

struct Response {
    int status = 200;
    Json body;
    LineSource lines{}; ///< if set, sent instead of the body as JSON lines
};

/// As RFC 3986 has it: everything but unreserved characters.
std::string percent_encode(std::string_view text);
/// Path and query of a request target. False if it cannot be decoded.
bool parse_target(std::string_view target, Request &request);

} // namespace flowguard
