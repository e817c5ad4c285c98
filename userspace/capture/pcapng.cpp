// SPDX-License-Identifier: Apache-2.0
/* pcapng files, as draft-ietf-opsawg-pcapng has them. */
#include "flowguard/capture/formats.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

enum BlockType : std::uint32_t {
    interface_block = 1,
    old_packet_block = 2,
    simple_packet_block = 3,
    enhanced_packet_block = 6,
    section_block = 0x0a0d0d0a,
};

constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::size_t block_header = 8;
constexpr std::size_t block_frame = 12; ///< with the length that follows the body
constexpr TimeNs second = 1'000'000'000;

struct Interface {
    std::uint32_t link_type = 0;
    std::uint32_t snap_length = 0; ///< 0: no limit
    bool binary = false;           ///< times are in units of 2^-exponent seconds, not 10^-exponent
    unsigned exponent = 6;
    std::int64_t offset_s = 0;
};

/// What remains are whole seconds and nanoseconds.
TimeNs in_nanoseconds(const Interface &interface, std::uint64_t units)
{
    std::uint64_t seconds = 0;
    std::uint64_t rest = 0;
    if (interface.binary) {
        const unsigned exponent = std::min(interface.exponent, 63U);
        constexpr unsigned precise = 34; /* so that the product fits */
        seconds = units >> exponent;
        std::uint64_t fraction = units & ((1ULL << exponent) - 1);
        const unsigned surplus = exponent > precise ? exponent - precise : 0;
        fraction >>= surplus;
        rest = (fraction * second) >> (exponent - surplus);
    } else {
        std::uint64_t per_second = 1;
        constexpr unsigned most = 19; /* 10^20 does not fit: so fine a unit counts nothing but fractions */
        for (unsigned i = 0; i < std::min(interface.exponent, most); i++)
            per_second *= 10;
        seconds = units / per_second;
        const std::uint64_t fraction = units % per_second;
        rest = per_second > second ? fraction / (per_second / second) : fraction * (second / per_second);
    }
    const std::int64_t whole = static_cast<std::int64_t>(std::min<std::uint64_t>(seconds, latest_time / second));
    const std::int64_t moved =
        std::clamp<std::int64_t>(interface.offset_s, -latest_time / second, latest_time / second) + whole;
    return std::clamp<TimeNs>(moved, 0, latest_time / second) * second + static_cast<TimeNs>(rest);
}

class PcapngFormat : public CaptureFormat {
  public:
    explicit PcapngFormat(ByteWindow window) : CaptureFormat(std::move(window)) {}

    bool next(CapturedPacket &packet) override
    {
        bool found = false;
        while (!found)
            if (!step(packet, found))
                return false;
        packets_++;
        return true;
    }

  private:
    /// One block; false at the end.
    bool step(CapturedPacket &packet, bool &found)
    {
        const auto header = window().peek(block_frame);
        if (header.size() < block_frame)
            return header.empty() ? false : cut();
        if (order_.read<std::uint32_t>(header.data()) == section_block && !begin_section(header))
            return damaged(fmt::format("the section at byte {} has no byte order", window().offset()));
        const auto type = order_.read<std::uint32_t>(header.data());
        const auto length = order_.read<std::uint32_t>(header.data() + 4);
        if (length < block_frame || length % 4 != 0)
            return damaged(
                fmt::format("the block at byte {} claims to be {} bytes long, {} packets after the beginning",
                            window().offset(), length, packets_));
        const bool wanted = type == interface_block || type == old_packet_block || type == simple_packet_block ||
                            type == enhanced_packet_block;
        if (!wanted)
            return window().skip(length) || cut();
        if (length > CaptureReader::longest_packet)
            return damaged(fmt::format("packet {} at byte {} claims to be {} bytes long", packets_ + 1,
                                       window().offset(), length));
        const auto block = window().peek(length);
        if (block.size() < length)
            return cut();
        window().take(length);
        const auto body = block.subspan(block_header, length - block_frame);
        if (type == interface_block)
            add_interface(body);
        else
            found = type == simple_packet_block ? simple(body, packet)
                                                : full(body, packet, type == enhanced_packet_block);
        return true;
    }

    bool begin_section(std::span<const std::uint8_t> header)
    {
        const auto magic = ByteOrder().read<std::uint32_t>(header.data() + 8);
        if (magic != byte_order_magic && magic != std::byteswap(byte_order_magic))
            return false;
        order_ = ByteOrder(magic != byte_order_magic);
        interfaces_.clear();
        return true;
    }

    void add_interface(std::span<const std::uint8_t> body)
    {
        constexpr std::size_t options = 8;
        constexpr std::size_t most = 65536;
        if (body.size() < options || interfaces_.size() >= most) {
            damaged("the description of an interface is too short, or there are too many");
            return;
        }
        Interface interface {
            .link_type = order_.read<std::uint16_t>(body.data()),
            .snap_length = order_.read<std::uint32_t>(body.data() + 4)
        };
        read_options(body.subspan(options), interface);
        interfaces_.push_back(interface);
        note_link_type(interface.link_type);
    }

    void read_options(std::span<const std::uint8_t> rest, Interface &interface) const
    {
        constexpr std::uint16_t end_of_options = 0;
        constexpr std::uint16_t time_resolution = 9;
        constexpr std::uint16_t time_offset = 14;
        constexpr std::uint8_t binary = 0x80;
        while (rest.size() >= 4) {
            const auto code = order_.read<std::uint16_t>(rest.data());
            const std::size_t length = order_.read<std::uint16_t>(rest.data() + 2);
            const std::size_t padded = 4 + ((length + 3) & ~std::size_t{3});
            if (code == end_of_options || rest.size() < padded)
                return;
            const std::uint8_t *value = rest.data() + 4;
            if (code == time_resolution && length >= 1) {
                interface.binary = (*value & binary) != 0;
                interface.exponent = *value & (binary - 1U);
            } else if (code == time_offset && length >= 8) {
                interface.offset_s = order_.read<std::int64_t>(value);
            }
            rest = rest.subspan(padded);
        }
    }

    /// Without a time, and always of the first interface.
    bool simple(std::span<const std::uint8_t> body, CapturedPacket &packet)
    {
        constexpr std::size_t header = 4;
        if (body.size() < header || interfaces_.empty())
            return passed_over();
        packet.length = order_.read<std::uint32_t>(body.data());
        std::size_t captured = std::min<std::size_t>(packet.length, body.size() - header);
        if (interfaces_[0].snap_length != 0)
            captured = std::min<std::size_t>(captured, interfaces_[0].snap_length);
        packet.time.reset();
        return give(packet, interfaces_[0], body.subspan(header, captured));
    }

    /// Both forms are of the same length; the old one keeps the interface and a count of drops in the first field.
    bool full(std::span<const std::uint8_t> body, CapturedPacket &packet, bool enhanced)
    {
        constexpr std::size_t header = 20;
        if (body.size() < header)
            return passed_over();
        const std::size_t number = enhanced ? order_.read<std::uint32_t>(body.data())
                                            : order_.read<std::uint16_t>(body.data());
        const std::uint64_t units = static_cast<std::uint64_t>(order_.read<std::uint32_t>(body.data() + 4)) << 32 |
                                    order_.read<std::uint32_t>(body.data() + 8);
        const std::size_t captured = order_.read<std::uint32_t>(body.data() + 12);
        packet.length = order_.read<std::uint32_t>(body.data() + 16);
        if (number >= interfaces_.size() || captured > body.size() - header)
            return passed_over();
        packet.time = in_nanoseconds(interfaces_[number], units);
        return give(packet, interfaces_[number], body.subspan(header, captured));
    }

    static bool give(CapturedPacket &packet, const Interface &interface, std::span<const std::uint8_t> frame)
    {
        packet.frame = frame;
        packet.link_type = interface.link_type;
        if (packet.length < frame.size() || packet.length > CaptureReader::longest_packet)
            packet.length = static_cast<std::uint32_t>(frame.size());
        return true;
    }

    bool passed_over()
    {
        return damaged(fmt::format("packet {} ends at byte {} and is malformed: it was passed over", packets_ + 1,
                                   window().offset()));
    }
    bool cut() { return damaged(fmt::format("the file ends within a block, after packet {}", packets_)); }

    ByteOrder order_;
    std::vector<Interface> interfaces_; ///< of the section
};

} // namespace

std::unique_ptr<CaptureFormat> open_pcapng(ByteWindow &window)
{
    const auto header = window.peek(block_frame);
    /* Its type reads the same in both byte orders. */
    if (header.size() < block_frame || ByteOrder().read<std::uint32_t>(header.data()) != section_block)
        return nullptr;
    const auto magic = ByteOrder().read<std::uint32_t>(header.data() + 8);
    if (magic != byte_order_magic && magic != std::byteswap(byte_order_magic))
        return nullptr;
    return std::make_unique<PcapngFormat>(std::move(window));
}

} // namespace flowguard
