// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/byte_stream.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace flowguard {
namespace {

class FileStream : public ByteStream {
  public:
    explicit FileStream(int fd) : fd_(fd) {}
    ~FileStream() override { close(fd_); }
    FileStream(const FileStream &) = delete;
    FileStream &operator=(const FileStream &) = delete;

    std::size_t read(std::span<std::uint8_t> room) override
    {
        for (;;) {
            const ssize_t got = ::read(fd_, room.data(), room.size());
            if (got >= 0) {
                position_ += static_cast<std::uint64_t>(got);
                return static_cast<std::size_t>(got);
            }
            if (errno == EINTR)
                continue;
            damage_ = fmt::format("reading failed: {}", std::strerror(errno));
            return 0;
        }
    }
    std::string damage() const override { return damage_; }
    std::uint64_t position() const override { return position_; }

  private:
    int fd_;
    std::uint64_t position_ = 0;
    std::string damage_;
};

/// Bytes that were read to find out what a stream holds, and then the rest of it.
class Replayed : public ByteStream {
  public:
    Replayed(std::vector<std::uint8_t> head, std::unique_ptr<ByteStream> rest)
        : head_(std::move(head)),
          rest_(std::move(rest))
    {
    }
    std::size_t read(std::span<std::uint8_t> room) override
    {
        if (used_ == head_.size())
            return rest_->read(room);
        const std::size_t length = std::min(room.size(), head_.size() - used_);
        std::memcpy(room.data(), head_.data() + used_, length);
        used_ += length;
        return length;
    }
    std::string damage() const override { return rest_->damage(); }
    std::uint64_t position() const override { return rest_->position(); }

  private:
    std::vector<std::uint8_t> head_;
    std::unique_ptr<ByteStream> rest_;
    std::size_t used_ = 0;
};

/// RFC 1952: one or more members. Unlike zlib's own file functions, it gives every byte before a damaged one.
class GzipStream : public ByteStream {
  public:
    explicit GzipStream(std::unique_ptr<ByteStream> packed) : packed_(std::move(packed)), input_(packed_room)
    {
        constexpr int gzip_only = 16;
        if (inflateInit2(&z_, MAX_WBITS + gzip_only) != Z_OK)
            end("zlib cannot be started");
    }
    ~GzipStream() override { inflateEnd(&z_); }
    GzipStream(const GzipStream &) = delete;
    GzipStream &operator=(const GzipStream &) = delete;

    std::size_t read(std::span<std::uint8_t> room) override
    {
        z_.next_out = room.data();
        z_.avail_out = static_cast<uInt>(room.size());
        while (!ended_ && z_.avail_out == room.size())
            step();
        return room.size() - z_.avail_out;
    }
    std::string damage() const override { return damage_; }
    std::uint64_t position() const override { return packed_->position(); }

  private:
    void step()
    {
        if (z_.avail_in == 0 && !refill())
            return;
        const int state = inflate(&z_, Z_NO_FLUSH);
        if (state == Z_STREAM_END) {
            within_member_ = false;
            seen_member_ = true;
            if (z_.avail_in == 0 && !refill())
                return;
            inflateReset(&z_);
        } else if (state == Z_OK) {
            within_member_ = z_.total_in > mark_length; /* until then it may be padding */
        } else if (within_member_ || !seen_member_) {
            end(fmt::format("its compression is damaged: {}", z_.msg ? z_.msg : "bad data"));
        } else {
            ended_ = true; /* what stands behind the last member is padding */
        }
        seen_member_ |= within_member_;
    }
    bool refill()
    {
        const std::size_t got = packed_->read(input_);
        if (got == 0)
            end(!packed_->damage().empty()        ? packed_->damage()
                : within_member_ || !seen_member_ ? "the compressed file is cut"
                                                  : "");
        z_.next_in = input_.data();
        z_.avail_in = static_cast<uInt>(got);
        return got > 0;
    }
    void end(std::string damage)
    {
        ended_ = true;
        damage_ = std::move(damage);
    }

    static constexpr std::size_t packed_room = 1 << 16;
    static constexpr uLong mark_length = 2; ///< bytes by which a member is known
    std::unique_ptr<ByteStream> packed_;
    std::vector<std::uint8_t> input_;
    z_stream z_{};
    bool within_member_ = false;
    bool seen_member_ = false;
    bool ended_ = false;
    std::string damage_;
};

Result<int> open_file(const std::filesystem::path &path)
{
    const auto complain = [&](int error) {
        return fail(error == EACCES || error == EPERM ? ExitCode::Permission : ExitCode::Failed,
                    fmt::format("cannot read {}: {}", path.string(), std::strerror(error)));
    };
    const int fd = path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return complain(errno);
    struct stat status {};
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        return complain(EISDIR);
    }
    return fd;
}

} // namespace

Result<std::unique_ptr<ByteStream>> open_stream(const std::filesystem::path &path)
{
    const auto fd = open_file(path);
    if (!fd)
        return std::unexpected(fd.error());
    auto file = std::make_unique<FileStream>(*fd);
    constexpr std::size_t head_length = 2;
    std::vector<std::uint8_t> head(head_length);
    std::size_t have = 0;
    while (have < head_length) {
        const std::size_t got = file->read(std::span(head).subspan(have));
        if (got == 0)
            break;
        have += got;
    }
    head.resize(have);
    if (!file->damage().empty())
        return fail(ExitCode::Failed, fmt::format("cannot read {}: {}", path.string(), file->damage()));
    const bool packed = have == head_length && head[0] == 0x1f && head[1] == 0x8b;
    std::unique_ptr<ByteStream> stream = std::make_unique<Replayed>(std::move(head), std::move(file));
    if (packed)
        stream = std::make_unique<GzipStream>(std::move(stream));
    return stream;
}

ByteWindow::ByteWindow(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)), buffer_(1 << 18) {}

void ByteWindow::fill(std::size_t length)
{
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    begin_offset_ += begin_;
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() < length)
        buffer_.resize(length);
    while (!ended_ && end_ < length) {
        const std::size_t got = stream_->read(std::span(buffer_).subspan(end_));
        ended_ = got == 0;
        end_ += got;
    }
}

bool ByteWindow::skip(std::uint64_t length)
{
    while (length > 0) {
        const std::size_t piece = peek(static_cast<std::size_t>(std::min<std::uint64_t>(length, 1 << 16))).size();
        if (piece == 0)
            return false;
        take(piece);
        length -= piece;
    }
    return true;
}

} // namespace flowguard
