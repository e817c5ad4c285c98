// SPDX-License-Identifier: Apache-2.0
#include "flowguard/cli/analyze.h"
#include "flowguard/tui/units.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace flowguard {
namespace {

TimeNs now_ns() { return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr auto erase_line = "\r\x1b[K";

} // namespace

Progress::Progress(std::uint64_t size, bool shown) : size_(size), shown_(shown), begin_(now_ns()), latest_(begin_) {}

Progress::~Progress()
{
    if (drawn_)
        fmt::print(stderr, "{}", erase_line);
}

void Progress::look(std::uint64_t position, std::uint64_t packets)
{
    constexpr TimeNs between = 200'000'000;
    constexpr int cells = 30;
    const TimeNs now = now_ns();
    if (now - latest_ < between)
        return;
    latest_ = now;
    drawn_ = true;
    const double rate = static_cast<double>(packets) / (static_cast<double>(now - begin_) / 1e9);
    const std::string counts = fmt::format("{} packets, {} a second", format_count(static_cast<double>(packets)),
                                           format_count(rate));
    if (size_ == 0) {
        fmt::print(stderr, "{}{}", erase_line, counts);
        return;
    }
    const double share = std::min(1.0, static_cast<double>(position) / static_cast<double>(size_));
    const int filled = static_cast<int>(share * cells);
    fmt::print(stderr, "{}[{:#<{}}{:.<{}}] {:3.0f} %  {}", erase_line, "", filled, "", cells - filled, share * 100,
               counts);
}

} // namespace flowguard
