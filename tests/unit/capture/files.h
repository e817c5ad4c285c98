// SPDX-License-Identifier: Apache-2.0
/* Captures as bytes, made by hand, in either byte order. */
#pragma once

#include "flowguard/capture/reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace flowguard::test {

using Bytes = std::vector<std::uint8_t>;

/// Gives bytes a few at a time, as pipes do.
class MemoryStream : public ByteStream {
  public:
    explicit MemoryStream(Bytes bytes, std::size_t at_once = 1 << 16) : bytes_(std::move(bytes)), at_once_(at_once) {}
    std::size_t read(std::span<std::uint8_t> room) override
    {
        const std::size_t length = std::min({room.size(), bytes_.size() - used_, at_once_});
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(used_), length, room.begin());
        used_ += length;
        return length;
    }

  private:
    Bytes bytes_;
    std::size_t at_once_;
    std::size_t used_ = 0;
};

class File {
  public:
    explicit File(bool big_endian = false) : big_(big_endian) {}

    File &put(std::uint64_t value, std::size_t size)
    {
        for (std::size_t i = 0; i < size; i++)
            bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big_ ? size - 1 - i : i)));
        return *this;
    }
    File &u8(unsigned value) { return put(value, 1); }
    File &u16(unsigned value) { return put(value, 2); }
    File &u32(std::uint64_t value) { return put(value, 4); }
    File &u64(std::uint64_t value) { return put(value, 8); }
    File &add(const Bytes &more)
    {
        bytes.insert(bytes.end(), more.begin(), more.end());
        return *this;
    }

    File &pcap(std::uint32_t magic, std::uint32_t link_type)
    {
        return u32(magic).u16(2).u16(4).u32(0).u32(0).u32(262144).u32(link_type);
    }
    File &record(std::uint32_t seconds, std::uint32_t fraction, const Bytes &frame, std::uint32_t length)
    {
        return u32(seconds).u32(fraction).u32(frame.size()).u32(length).add(frame);
    }

    /// A pcapng block around a body, which is filled up.
    File &block(std::uint32_t type, File body)
    {
        body.bytes.resize((body.bytes.size() + 3) & ~std::size_t{3});
        const auto length = static_cast<std::uint32_t>(body.bytes.size() + 12);
        return u32(type).u32(length).add(body.bytes).u32(length);
    }
    File body() const { return File(big_); }
    File &section() { return block(0x0a0d0d0a, body().u32(0x1a2b3c4d).u16(1).u16(0).u64(~0ULL)); }
    File &interface(unsigned link_type, const Bytes &options = {}, std::uint32_t snap_length = 0)
    {
        return block(1, body().u16(link_type).u16(0).u32(snap_length).add(options));
    }
    Bytes option(unsigned code, const File &value) const
    {
        File text(big_);
        text.u16(code).u16(static_cast<unsigned>(value.bytes.size())).add(value.bytes);
        text.bytes.resize((text.bytes.size() + 3) & ~std::size_t{3});
        return text.bytes;
    }
    File &enhanced(std::uint32_t number, std::uint64_t units, const Bytes &frame, std::uint32_t length)
    {
        return block(
            6, body().u32(number).u32(units >> 32).u32(units & 0xffffffff).u32(frame.size()).u32(length).add(frame));
    }

    Bytes bytes;

  private:
    bool big_;
};

struct Read {
    struct Packet {
        std::optional<TimeNs> time;
        Bytes frame;
        std::uint32_t length = 0;
        std::uint32_t link_type = 0;
    };
    std::vector<Packet> packets;
    std::string damage;
    std::vector<std::uint32_t> link_types;
    std::string error; ///< it is no capture
};

inline Read read_all(const Bytes &bytes, std::size_t at_once = 1 << 16)
{
    Read read;
    auto reader = CaptureReader::of(std::make_unique<MemoryStream>(bytes, at_once), "it");
    if (!reader) {
        read.error = reader.error().message;
        return read;
    }
    for (CapturedPacket packet; reader->next(packet);)
        read.packets.push_back(
            {packet.time, {packet.frame.begin(), packet.frame.end()}, packet.length, packet.link_type});
    read.damage = reader->damage();
    read.link_types = reader->link_types();
    return read;
}

} // namespace flowguard::test
