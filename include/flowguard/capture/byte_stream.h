// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace flowguard {

/// Bytes in their order, from wherever they come.
class ByteStream {
  public:
    virtual ~ByteStream() = default;
    /// Fills the beginning of `room`; 0 at the end, or where damage() says why there is no more.
    virtual std::size_t read(std::span<std::uint8_t> room) = 0;
    /// Empty unless the stream ended before its end.
    virtual std::string damage() const { return {}; }
    /// Bytes taken from the file so far, compressed ones if it is.
    virtual std::uint64_t position() const { return 0; }
};

/// A file, or standard input for "-"; what is compressed with gzip is unpacked.
Result<std::unique_ptr<ByteStream>> open_stream(const std::filesystem::path &path);

/// What a stream gives next, in one piece however long.
class ByteWindow {
  public:
    explicit ByteWindow(std::unique_ptr<ByteStream> stream);

    /// The next `length` bytes; fewer only where the stream ends. Valid until the next call.
    std::span<const std::uint8_t> peek(std::size_t length)
    {
        if (end_ - begin_ < length)
            fill(length);
        return {buffer_.data() + begin_, std::min(length, end_ - begin_)};
    }
    /// Steps over what was peeked.
    void take(std::size_t length) { begin_ += length; }
    /// Steps over bytes that need not be in one piece; false if the stream ends before.
    bool skip(std::uint64_t length);
    /// Bytes taken so far.
    std::uint64_t offset() const { return begin_offset_ + begin_; }
    const ByteStream &stream() const { return *stream_; }

  private:
    void fill(std::size_t length);

    std::unique_ptr<ByteStream> stream_;
    std::vector<std::uint8_t> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t begin_offset_ = 0; ///< of the buffer's first byte
    bool ended_ = false;
};

} // namespace flowguard
