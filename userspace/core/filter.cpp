// SPDX-License-Identifier: Apache-2.0
#include "flowguard/core/filter.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"
#include "flowguard/core/filter_words.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>

namespace flowguard {
namespace {

/// Room for Ethernet, two tags, IPv6, a fragment header and TCP.
struct Frame {
    std::array<std::uint8_t, 128> bytes{};
    std::size_t length = 0;

    void put8(unsigned value) { bytes.at(length++) = static_cast<std::uint8_t>(value); }
    void put16(unsigned value)
    {
        put8(value >> 8);
        put8(value & 0xff);
    }
    void zeros(std::size_t count) { length += count; }
    void put(const IpAddress &address)
    {
        const auto *from = address.bytes().begin() + (address.is_v4() ? 12 : 0);
        for (; from != address.bytes().end(); from++)
            put8(*from);
    }
};

void put_ethernet(Frame &frame, const FlowKey &key)
{
    frame.zeros(12);
    for (const std::uint16_t id : key.vlan) {
        if (id == 0)
            continue;
        frame.put16(FG_ETHER_VLAN);
        frame.put16(id);
    }
    frame.put16(key.kind == FG_KIND_IPV4 ? FG_ETHER_IPV4 : FG_ETHER_IPV6);
}

void put_ip(Frame &frame, const FlowKey &key)
{
    constexpr unsigned some_offset = 8; /* in units of 8 bytes: a later fragment, whose ports nobody can match */
    const bool fragment = (key.flags & FG_KEY_FRAGMENT) != 0;
    if (key.kind == FG_KIND_IPV4) {
        frame.put16(0x4500);
        frame.put16(40);
        frame.put16(0);
        frame.put16(fragment ? some_offset : 0);
        frame.put8(64);
        frame.put8(key.proto);
        frame.put16(0);
    } else {
        frame.put16(0x6000);
        frame.put16(0);
        frame.put16(20);
        frame.put8(fragment ? static_cast<unsigned>(FG_PROTO_FRAGMENT) : key.proto);
        frame.put8(64);
    }
    frame.put(key.client);
    frame.put(key.server);
    if (fragment && key.kind == FG_KIND_IPV6) {
        frame.put16(static_cast<unsigned>(key.proto) << 8);
        frame.put16(some_offset << 3);
        frame.zeros(4);
    }
}

void put_transport(Frame &frame, const Flow &flow)
{
    const FlowKey &key = flow.key;
    if (is_icmp(key.proto)) {
        frame.put8(key.client_port);
        frame.put8(key.server_port);
        frame.zeros(18);
        return;
    }
    frame.put16(key.client_port);
    frame.put16(key.server_port);
    frame.zeros(8);
    frame.put8(0x50);
    frame.put8(flow.tcp_flags_to_server);
    frame.zeros(6);
}

Frame client_packet(const Flow &flow)
{
    Frame frame;
    put_ethernet(frame, flow.key);
    put_ip(frame, flow.key);
    put_transport(frame, flow);
    return frame;
}

} // namespace

struct FlowFilter::Impl {
    bpf_program program{};
    bool everything = true;

    Impl() = default;
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;
    ~Impl()
    {
        if (!everything)
            pcap_freecode(&program);
    }
};

FlowFilter::FlowFilter() : impl_(std::make_unique<Impl>()) {}
FlowFilter::~FlowFilter() = default;
FlowFilter::FlowFilter(FlowFilter &&) noexcept = default;
FlowFilter &FlowFilter::operator=(FlowFilter &&) noexcept = default;

Result<FlowFilter> FlowFilter::compile(const std::string &expression)
{
    FlowFilter filter;
    if (std::ranges::all_of(expression, [](char c) { return c == ' ' || c == '\t'; }))
        return filter;
    if (const auto name = name_in_filter(expression))
        return fail(ExitCode::Usage,
                    fmt::format("the filter '{}' does not compile: '{}' is neither a word of tcpdump's nor an "
                                "address, and names of hosts are not looked up",
                                expression, *name));
    constexpr int snapshot_length = 65535;
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> link(pcap_open_dead(DLT_EN10MB, snapshot_length), &pcap_close);
    if (pcap_compile(link.get(), &filter.impl_->program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return fail(ExitCode::Usage, fmt::format("the filter '{}' does not compile: {}; it is written as for tcpdump, "
                                                 "like 'tcp and dst port 443 and net 10.0.0.0/8'",
                                                 expression, pcap_geterr(link.get())));
    filter.impl_->everything = false;
    return filter;
}

bool FlowFilter::matches(const Flow &flow) const
{
    if (impl_->everything)
        return true;
    const Frame frame = client_packet(flow);
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.length);
    return pcap_offline_filter(&impl_->program, &header, frame.bytes.data()) != 0;
}

} // namespace flowguard
