// SPDX-License-Identifier: Apache-2.0
/* pcap files, as draft-ietf-opsawg-pcap has them, and the variant with longer records of old Linux patches. */
#include "flowguard/capture/formats.h"

#include <fmt/format.h>

#include <array>

namespace flowguard {
namespace {

struct Variant {
    std::uint32_t magic;
    std::uint32_t ns_per_unit; ///< of a time's fraction
    std::size_t record_header;
};

constexpr std::array variants{
    Variant{0xa1b2c3d4, 1000, 16}, Variant{0xa1b23c4d, 1, 16},
    Variant{0xa1b2cd34, 1000, 24}, /* interface, protocol and packet type follow the lengths */
};

constexpr std::size_t file_header = 24;

class PcapFormat : public CaptureFormat {
  public:
    PcapFormat(ByteWindow window, const Variant &variant, ByteOrder order, std::uint32_t link_type, bool old)
        : CaptureFormat(std::move(window)),
          variant_(variant),
          order_(order),
          link_type_(link_type),
          lengths_may_be_exchanged_(old)
    {
        note_link_type(link_type);
    }

    bool next(CapturedPacket &packet) override
    {
        const auto header = window().peek(variant_.record_header);
        if (header.size() < variant_.record_header)
            return header.empty() ? false : cut();
        const auto seconds = order_.read<std::uint32_t>(header.data());
        const auto fraction = order_.read<std::uint32_t>(header.data() + 4);
        auto captured = order_.read<std::uint32_t>(header.data() + 8);
        auto length = order_.read<std::uint32_t>(header.data() + 12);
        if (captured > length && lengths_may_be_exchanged_)
            std::swap(captured, length);
        length = std::max(captured, length); /* careless writers give 0 */
        if (captured > CaptureReader::longest_packet)
            return damaged(fmt::format("packet {} at byte {} claims to be {} bytes long", packets_ + 1,
                                       window().offset(), captured));
        const std::size_t whole = variant_.record_header + captured;
        const auto record = window().peek(whole);
        if (record.size() < whole)
            return cut();
        window().take(whole);
        packets_++;
        packet.time = time(seconds, fraction);
        packet.frame = record.subspan(variant_.record_header);
        packet.length = length > CaptureReader::longest_packet ? captured : length;
        packet.link_type = link_type_;
        return true;
    }

  private:
    TimeNs time(std::uint32_t seconds, std::uint32_t fraction) const
    {
        constexpr std::int64_t second = 1'000'000'000;
        const auto rest = static_cast<std::int64_t>(fraction) * variant_.ns_per_unit;
        return static_cast<std::int64_t>(seconds) * second + std::min(rest, second - 1);
    }
    bool cut() { return damaged(fmt::format("the file ends within packet {}", packets_ + 1)); }

    Variant variant_;
    ByteOrder order_;
    std::uint32_t link_type_;
    bool lengths_may_be_exchanged_; ///< as some programs wrote them before version 2.4
};

} // namespace

std::unique_ptr<CaptureFormat> open_pcap(ByteWindow &window)
{
    const auto header = window.peek(file_header);
    if (header.size() < file_header)
        return nullptr;
    for (const bool swapped : {false, true}) {
        const ByteOrder order(swapped);
        for (const Variant &variant : variants) {
            if (order.read<std::uint32_t>(header.data()) != variant.magic)
                continue;
            constexpr std::uint32_t type_mask = 0x03ffffff; /* above it: length of the frame check sequence */
            const std::uint32_t link_type = order.read<std::uint32_t>(header.data() + 20) & type_mask;
            const auto major = order.read<std::uint16_t>(header.data() + 4);
            const auto minor = order.read<std::uint16_t>(header.data() + 6);
            window.take(file_header);
            return std::make_unique<PcapFormat>(std::move(window), variant, order, link_type,
                                                std::pair(major, minor) <
                                                    std::pair<std::uint16_t, std::uint16_t>(2, 4));
        }
    }
    return nullptr;
}

} // namespace flowguard
