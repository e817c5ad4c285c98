// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/api/server.h"
#include "flowguard/daemon/engine.h"

#include <functional>
#include <string>

namespace flowguard {

/// Answers the control API for one engine. `on_ending` is called when a detach of everything has been done, or when
/// nothing is attached any more (`idle`).
class Endpoints {
  public:
    struct Settings {
        std::string version;
        std::string instance;
        std::function<bool(bool idle)> on_ending; ///< true if the daemon will end
    };

    Endpoints(Engine &engine, Settings settings) : engine_(engine), settings_(std::move(settings)) {}
    boost::asio::awaitable<Response> handle(const Request &request);

  private:
    std::uint64_t revision(const Request &request) const;
    Response get(const Request &request);
    Response change(const Request &request);
    Json status(const Request &request) const;
    Response flows(const Request &request) const;
    Response overflow() const;
    Response incidents(const Request &request) const;
    Result<Json> top(const Request &request) const;
    Result<Json> attach(const Json &body);
    Result<Json> detach(const Json &body);

    Engine &engine_;
    Settings settings_;
};

} // namespace flowguard
