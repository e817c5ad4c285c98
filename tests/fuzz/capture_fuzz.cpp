// SPDX-License-Identifier: Apache-2.0
/* Any bytes are read as a capture: in whatever pieces they come they give the same packets, and each is accounted for. */
#include "flowguard/capture/analysis.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace flowguard;

void require(bool holds)
{
    if (!holds)
        std::abort();
}

class Pieces : public ByteStream {
  public:
    Pieces(const std::uint8_t *data, std::size_t size, std::size_t at_once) : rest_(data, size), at_once_(at_once) {}
    std::size_t read(std::span<std::uint8_t> room) override
    {
        const std::size_t length = std::min({room.size(), rest_.size(), at_once_});
        std::copy_n(rest_.begin(), length, room.begin());
        rest_ = rest_.subspan(length);
        return length;
    }

  private:
    std::span<const std::uint8_t> rest_;
    std::size_t at_once_;
};

struct Totals {
    std::uint64_t packets = 0;
    std::uint64_t captured = 0;
    std::string damage;
    bool operator==(const Totals &) const = default;
};

Totals read(const std::uint8_t *data, std::size_t size, std::size_t at_once)
{
    Totals totals;
    auto reader = CaptureReader::of(std::make_unique<Pieces>(data, size, at_once), "input");
    if (!reader)
        return totals;
    Analysis analysis({}, {});
    for (CapturedPacket packet; reader->next(packet);) {
        require(packet.length >= packet.frame.size());
        require(!packet.time || *packet.time >= 0);
        /* A copy of exactly this size, so that the address sanitizer sees a byte read beyond it. */
        const std::vector<std::uint8_t> frame(packet.frame.begin(), packet.frame.end());
        packet.frame = frame;
        parse_frame(packet.link_type, frame, true);
        analysis.add(packet);
        totals.packets++;
        totals.captured += frame.size();
    }
    totals.damage = reader->damage();
    analysis.finish();
    require(analysis.packets() == totals.packets);
    std::uint64_t in_protocols = 0;
    for (const auto &protocol : analysis.statistics().protocols())
        in_protocols += protocol.sums.volume.packets;
    require(in_protocols == totals.packets);
    return totals;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const Totals whole = read(data, size, size + 1);
    require(read(data, size, 3) == whole);
    require(whole.captured <= size);
    return 0;
}
