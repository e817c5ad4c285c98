// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/events.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace flowguard {
namespace {

sigset_t watched_signals()
{
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH})
        sigaddset(&set, signal);
    return set;
}

int checked(int fd, const char *what)
{
    if (fd < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return fd;
}

/// Readable with nothing to read is how a terminal says that it has gone.
bool at_end(const pollfd &input)
{
    int waiting = 0;
    return (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
           ((input.revents & POLLIN) != 0 && ioctl(input.fd, FIONREAD, &waiting) == 0 && waiting == 0);
}

} // namespace

WakeUp::WakeUp() : fd_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {}

WakeUp::~WakeUp() { close(fd_); }

void WakeUp::wake()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t full_means_awake_already = write(fd_, &one, sizeof one);
}

void WakeUp::clear()
{
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t empty_is_fine = read(fd_, &count, sizeof count);
}

Events::Events(WakeUp &wake_up) : wake_up_(wake_up), signals_(-1)
{
    const sigset_t watched = watched_signals();
    signals_ = checked(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
    pthread_sigmask(SIG_BLOCK, &watched, &before_);
}

Events::~Events()
{
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    close(signals_);
}

void Events::read_signals(Happened &happened) const
{
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == sizeof info)
        (info.ssi_signo == SIGWINCH ? happened.resized : happened.ended) = true;
}

Events::Happened Events::wait()
{
    std::array<pollfd, 3> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals_, POLLIN, 0},
                                  pollfd{wake_up_.fd(), POLLIN, 0}};
    Happened happened;
    /* EINTR comes from being stopped and continued (Ctrl-Z): to the caller, a reason to draw again. */
    if (poll(waiting.data(), waiting.size(), -1) < 0)
        return happened;
    read_signals(happened);
    wake_up_.clear();
    happened.keys = (waiting[0].revents & POLLIN) != 0;
    happened.ended = happened.ended || at_end(waiting[0]);
    return happened;
}

} // namespace flowguard
