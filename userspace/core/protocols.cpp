// SPDX-License-Identifier: Apache-2.0
/* Assigned Internet Protocol Numbers, as registered with IANA. */
#include "flowguard/core/protocols.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace flowguard {
namespace {

// clang-format off: ten a line, so that a number is found by eye
constexpr auto keywords = std::to_array<std::string_view>({
    "HOPOPT",
    "ICMP",
    "IGMP",
    "GGP",
    "IPV4",
    "ST",
    "TCP",
    "CBT",
    "EGP",
    "IGP", // 0
    "BBN-RCC-MON",
    "NVP-II",
    "PUP",
    "ARGUS",
    "EMCON",
    "XNET",
    "CHAOS",
    "UDP",
    "MUX",
    "DCN-MEAS", // 10
    "HMP",
    "PRM",
    "XNS-IDP",
    "TRUNK-1",
    "TRUNK-2",
    "LEAF-1",
    "LEAF-2",
    "RDP",
    "IRTP",
    "ISO-TP4", // 20
    "NETBLT",
    "MFE-NSP",
    "MERIT-INP",
    "DCCP",
    "3PC",
    "IDPR",
    "XTP",
    "DDP",
    "IDPR-CMTP",
    "TP++", // 30
    "IL",
    "IPV6",
    "SDRP",
    "IPV6-ROUTE",
    "IPV6-FRAG",
    "IDRP",
    "RSVP",
    "GRE",
    "DSR",
    "BNA", // 40
    "ESP",
    "AH",
    "I-NLSP",
    "SWIPE",
    "NARP",
    "MIN-IPV4",
    "TLSP",
    "SKIP",
    "IPV6-ICMP",
    "IPV6-NONXT", // 50
    "IPV6-OPTS",
    "",
    "CFTP",
    "",
    "SAT-EXPAK",
    "KRYPTOLAN",
    "RVD",
    "IPPC",
    "",
    "SAT-MON", // 60
    "VISA",
    "IPCV",
    "CPNX",
    "CPHB",
    "WSN",
    "PVP",
    "BR-SAT-MON",
    "SUN-ND",
    "WB-MON",
    "WB-EXPAK", // 70
    "ISO-IP",
    "VMTP",
    "SECURE-VMTP",
    "VINES",
    "IPTM",
    "NSFNET-IGP",
    "DGP",
    "TCF",
    "EIGRP",
    "OSPFIGP", // 80
    "SPRITE-RPC",
    "LARP",
    "MTP",
    "AX.25",
    "IPIP",
    "MICP",
    "SCC-SP",
    "ETHERIP",
    "ENCAP",
    "", // 90
    "GMTP",
    "IFMP",
    "PNNI",
    "PIM",
    "ARIS",
    "SCPS",
    "QNX",
    "A/N",
    "IPCOMP",
    "SNP", // 100
    "COMPAQ-PEER",
    "IPX-IN-IP",
    "VRRP",
    "PGM",
    "",
    "L2TP",
    "DDX",
    "IATP",
    "STP",
    "SRP", // 110
    "UTI",
    "SMP",
    "SM",
    "PTP",
    "ISIS OVER IPV4",
    "FIRE",
    "CRTP",
    "CRUDP",
    "SSCOPMCE",
    "IPLT", // 120
    "SPS",
    "PIPE",
    "SCTP",
    "FC",
    "RSVP-E2E-IGNORE",
    "MOBILITY HEADER",
    "UDPLITE",
    "MPLS-IN-IP",
    "MANET",
    "SHIM6", // 130
    "WESP",
    "ROHC",
    "ETHERNET",
    "AGGFRAG",
    "NSH", // 140
});
// clang-format on

} // namespace

std::string protocol_name(std::uint8_t proto)
{
    if (proto < keywords.size() && !keywords.at(proto).empty())
        return std::string(keywords.at(proto));
    return std::to_string(proto);
}

std::optional<std::uint8_t> protocol_number(std::string_view name)
{
    std::string upper(name);
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (upper == "ICMPV6")
        return 58;
    const auto *const found = std::ranges::find(keywords, std::string_view(upper));
    if (!upper.empty() && found != keywords.end())
        return static_cast<std::uint8_t>(found - keywords.begin());
    std::uint8_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    return error == std::errc() && end == name.data() + name.size() ? std::optional(number) : std::nullopt;
}

} // namespace flowguard
