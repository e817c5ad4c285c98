// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <csignal>

namespace flowguard {

/// Lets one thread wake another out of poll(2).
class WakeUp {
  public:
    WakeUp(); ///< throws std::system_error when out of descriptors
    ~WakeUp();
    WakeUp(const WakeUp &) = delete;
    WakeUp &operator=(const WakeUp &) = delete;

    void wake();
    void clear();
    int fd() const { return fd_; }

  private:
    int fd_;
};

/// What a full-screen program waits for: keys on standard input, signals, and a WakeUp.
/// While it lives, SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH are blocked in the calling thread and arrive here.
class Events {
  public:
    struct Happened {
        bool keys = false;
        bool resized = false;
        bool ended = false; ///< by a signal, or the terminal has gone
    };

    explicit Events(WakeUp &wake_up); ///< throws std::system_error when out of descriptors
    ~Events();
    Events(const Events &) = delete;
    Events &operator=(const Events &) = delete;

    /// Blocks until something happens.
    Happened wait();

  private:
    void read_signals(Happened &happened) const;

    WakeUp &wake_up_;
    int signals_;
    sigset_t before_{};
};

} // namespace flowguard
