// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/reader.h"

#include <bit>
#include <cstring>

namespace flowguard {

/// Numbers of a file that was written in either byte order.
class ByteOrder {
  public:
    explicit ByteOrder(bool swapped = false) : swapped_(swapped) {}
    template <class Number> Number read(const std::uint8_t *at) const
    {
        Number value;
        std::memcpy(&value, at, sizeof value);
        return swapped_ ? static_cast<Number>(std::byteswap(value)) : value;
    }

  private:
    bool swapped_;
};

/// Later than any time that a clock can mean, and early enough to be calculated with.
constexpr TimeNs latest_time = 9'000'000'000'000'000'000; // in 2255

/// Null if the stream does not begin as the format does.
std::unique_ptr<CaptureFormat> open_pcap(ByteWindow &window);
std::unique_ptr<CaptureFormat> open_pcapng(ByteWindow &window);

} // namespace flowguard
