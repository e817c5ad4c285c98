// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/json.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace flowguard {

using Query = std::map<std::string, std::string>;

/// Asks a daemon over its socket; each call is a connection of its own. An error that the daemon answers comes back as
/// it was; NotRunning if there is no daemon, Permission if the socket is closed to this user.
class Client {
  public:
    explicit Client(std::filesystem::path socket) : socket_(std::move(socket)) {}

    Result<Json> get(const std::string &path, const Query &query = {}) const;
    Result<Json> post(const std::string &path, const Json &body) const;
    Result<Json> remove(const std::string &path, const Query &query = {}) const;
    /// For answers of JSON lines: `sink` gets whole lines, without their ends, as they arrive; false ends it early.
    Result<void> lines(const std::string &path, const Query &query,
                       const std::function<bool(std::string_view)> &sink) const;

  private:
    std::filesystem::path socket_;
};

} // namespace flowguard
