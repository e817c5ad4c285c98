// SPDX-License-Identifier: Apache-2.0
#include "flowguard/capture/packet_filter.h"

#include "flowguard/capture/link.h"
#include "flowguard/core/filter_words.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <memory>
#include <string>

namespace flowguard {
namespace {

constexpr std::uint32_t ethernet = 1;

/// Why it does not compile; empty if it does.
std::string compile(const std::string &expression, std::uint32_t link_type, bpf_program &program)
{
    constexpr int snapshot_length = 262'144;
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> link(pcap_open_dead(datalink_of(link_type), snapshot_length),
                                                              &pcap_close);
    return pcap_compile(link.get(), &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0
               ? std::string()
               : pcap_geterr(link.get());
}

bool compiles(const std::string &expression)
{
    bpf_program program{};
    if (!compile(expression, ethernet, program).empty())
        return false;
    pcap_freecode(&program);
    return true;
}

/// Can an expression that begins so be finished?
bool may_begin(std::string text)
{
    constexpr std::array ends{"", " ip", " 1", " 1.2.3.4", " port 1", " host 1.2.3.4", " = 1", " 1:1:1:1:1:1"};
    const auto open = std::ranges::count(text, '(') - std::ranges::count(text, ')');
    const std::string closing(static_cast<std::size_t>(std::max<std::ptrdiff_t>(open, 0)), ')');
    return std::ranges::any_of(ends, [&](const char *end) { return compiles(text + end + closing); });
}

/// The first word after which nothing can follow any more, and its place from 1.
std::string where_it_fails(const std::string &expression)
{
    std::size_t at = 0;
    while ((at = expression.find_first_not_of(" \t", at)) != std::string::npos) {
        const std::size_t end = std::min(expression.find_first_of(" \t", at), expression.size());
        if (!may_begin(expression.substr(0, end)))
            return fmt::format("at '{}' (character {})", expression.substr(at, end - at), at + 1);
        at = end;
    }
    return "at its end";
}

/// The place of a whole word, from 1.
std::size_t place_of(const std::string &word, const std::string &expression)
{
    const auto is_part = [&](std::size_t at) {
        return at < expression.size() &&
               (std::isalnum(static_cast<unsigned char>(expression[at])) || expression[at] == '_');
    };
    std::size_t at = expression.find(word);
    while (at != std::string::npos && ((at > 0 && is_part(at - 1)) || is_part(at + word.size())))
        at = expression.find(word, at + 1);
    return at == std::string::npos ? 1 : at + 1;
}

std::unexpected<Error> complain(const std::string &expression, const std::string &where, const std::string &why)
{
    return fail(ExitCode::Usage,
                fmt::format("the filter '{}' does not compile {}: {}; it is written as for tcpdump, like "
                            "'tcp and dst port 443 and net 10.0.0.0/8'",
                            expression, where, why));
}

} // namespace

void PacketFilter::Free::operator()(bpf_program *program) const
{
    pcap_freecode(program);
    delete program;
}

Result<PacketFilter> PacketFilter::of(const std::string &expression)
{
    PacketFilter filter(expression.find_first_not_of(" \t") == std::string::npos ? "" : expression);
    if (const auto name = name_in_filter(expression))
        return complain(expression, fmt::format("at '{}' (character {})", *name, place_of(*name, expression)),
                        "it is neither a word of tcpdump's nor an address, and names of hosts are not looked up");
    return filter;
}

Result<bpf_program *> PacketFilter::program_for(std::uint32_t link_type)
{
    Program &known = programs_[link_type];
    if (known)
        return known.get();
    auto made = std::make_unique<bpf_program>();
    const std::string why = compile(expression_, link_type, *made);
    if (why.empty()) {
        known = Program(made.release());
        return known.get();
    }
    programs_.erase(link_type);
    if (compiles(expression_))
        return complain(expression_, fmt::format("for packets of link type {}", link_type_name(link_type)), why);
    return complain(expression_, where_it_fails(expression_), why);
}

Result<bool> PacketFilter::matches(const CapturedPacket &packet)
{
    if (expression_.empty())
        return true;
    const auto program = program_for(packet.link_type);
    if (!program)
        return std::unexpected(program.error());
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(packet.frame.size());
    header.len = packet.length;
    return pcap_offline_filter(*program, &header, packet.frame.data()) != 0;
}

} // namespace flowguard
