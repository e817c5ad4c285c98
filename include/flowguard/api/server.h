// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/api/message.h"
#include "flowguard/core/error.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <functional>
#include <memory>

namespace flowguard {

using Handler = std::function<boost::asio::awaitable<Response>(const Request &)>;

/// HTTP/JSON over a unix socket. Root and groups flowguard and flowguard-admin may read, root and flowguard-admin may
/// write; everybody else is refused by the kernel's word on who they are.
class Server {
  public:
    /// Replaces a socket that a dead daemon left: the caller holds the instance lock. Runs on `io` until close().
    static Result<std::unique_ptr<Server>> listen(boost::asio::io_context &io, const std::filesystem::path &path,
                                                  Handler handler);
    /// Stops accepting and removes the socket.
    void close();
    ~Server();

  private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace flowguard
