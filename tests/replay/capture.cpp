// SPDX-License-Identifier: Apache-2.0
#include "capture.h"

#include <algorithm>
#include <fmt/format.h>
#include <pcap/pcap.h>

namespace flowguard::test {

void Capture::Closer::operator()(pcap *file) const { pcap_close(file); }

Capture::Capture(pcap *file) : file_(file), link_type_(pcap_datalink(file)) {}

Result<Capture> Capture::open(const std::filesystem::path &path)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline(path.c_str(), why);
    if (!file)
        return fail(ExitCode::Failed, fmt::format("libpcap cannot open {}: {}", path.string(), why));
    return Capture(file);
}

std::optional<fg_link> Capture::link() const
{
    switch (link_type_) {
    case DLT_EN10MB:
        return FG_LINK_ETHERNET;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case DLT_NULL:
    case DLT_LOOP:
        return FG_LINK_RAW_IP;
    default:
        return std::nullopt;
    }
}

std::string Capture::link_name() const
{
    const char *name = pcap_datalink_val_to_name(link_type_);
    return name ? name : fmt::format("DLT {}", link_type_);
}

/// BSD loopbacks put the address family before the packet.
std::uint32_t Capture::pseudo_header_length() const { return link_type_ == DLT_NULL || link_type_ == DLT_LOOP ? 4 : 0; }

bool Capture::next(Frame &frame)
{
    pcap_pkthdr *header = nullptr;
    const u_char *bytes = nullptr;
    const int got = pcap_next_ex(file_.get(), &header, &bytes);
    if (got != 1) {
        if (got == PCAP_ERROR)
            damage_ = pcap_geterr(file_.get());
        return false;
    }
    const std::uint32_t skipped = std::min(pseudo_header_length(), header->caplen);
    frame.bytes = {bytes + skipped, header->caplen - skipped};
    frame.wire_length = header->len - std::min(skipped, header->len);
    return true;
}

} // namespace flowguard::test
