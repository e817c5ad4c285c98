// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/reader.h"

#include "flowguard/capture/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

struct Magic {
    std::string_view begins;
    std::string_view is;
};

using namespace std::string_view_literals;

/// What people hand over by mistake, and what to do about it.
constexpr std::array known_strangers{
    Magic{"\x28\xb5\x2f\xfd"sv, "is compressed with zstd: unpack it with 'zstd -dc FILE | flowguard analyze -'"},
    Magic{"\xfd"
          "7zXZ"sv,
          "is compressed with xz: unpack it with 'xz -dc FILE | flowguard analyze -'"},
    Magic{"BZh"sv, "is compressed with bzip2: unpack it with 'bzip2 -dc FILE | flowguard analyze -'"},
    Magic{"\x04\x22\x4d\x18"sv, "is compressed with lz4: unpack it with 'lz4 -dc FILE | flowguard analyze -'"},
    Magic{"PK\x03\x04"sv, "is a zip archive: unpack it first"},
    Magic{"snoop\0"sv, "is a snoop capture: convert it with 'editcap -F pcapng FILE NEW'"},
};

std::string what_it_is(std::span<const std::uint8_t> head)
{
    if (head.empty())
        return "is empty";
    for (const Magic &magic : known_strangers)
        if (head.size() >= magic.begins.size() &&
            std::equal(magic.begins.begin(), magic.begins.end(), head.begin(),
                       [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
            return std::string(magic.is);
    return "is neither a pcap nor a pcapng file";
}

} // namespace

bool CaptureFormat::damaged(std::string reason)
{
    if (damage_.empty())
        damage_ = std::move(reason);
    return false;
}

void CaptureFormat::note_link_type(std::uint32_t link_type)
{
    if (std::ranges::find(link_types_, link_type) == link_types_.end())
        link_types_.push_back(link_type);
}

Result<CaptureReader> CaptureReader::open(const std::filesystem::path &path)
{
    auto stream = open_stream(path);
    if (!stream)
        return std::unexpected(stream.error());
    return of(std::move(*stream), path == "-" ? "standard input" : path.string());
}

Result<CaptureReader> CaptureReader::of(std::unique_ptr<ByteStream> stream, const std::string &name)
{
    ByteWindow window(std::move(stream));
    auto format = open_pcap(window);
    if (!format)
        format = open_pcapng(window);
    if (format)
        return CaptureReader(std::move(format));
    const std::string damage = window.stream().damage();
    constexpr std::size_t head = 8;
    return fail(ExitCode::Failed, fmt::format("{} {}{}", name, what_it_is(window.peek(head)),
                                              damage.empty() ? "" : fmt::format("; {}", damage)));
}

std::string CaptureReader::damage() const
{
    const std::string below = format_->window().stream().damage();
    return below.empty() ? format_->damage() : below;
}

} // namespace flowguard
