// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/metrics.h"

#include "flowguard/abi/parser.h"
#include "flowguard/core/biflow.h"

namespace flowguard {
namespace {

/// How a flow stands at the tick's end, by all that was seen of it.
struct Standing {
    bool fragments = false;
    bool answered = false;  ///< of TCP: by more than resets
    bool half_open = false; ///< the client sent SYNs now, and never more than SYNs and resets
    bool completed = false;
    bool unserved = false;
    bool stray = false;
};

Standing standing_of(const FlowDelta &delta)
{
    const Flow &flow = *delta.flow;
    Standing standing{};
    standing.fragments = flow.key.flags & FG_KEY_FRAGMENT;
    if (flow.key.proto != FG_PROTO_TCP) {
        standing.answered = flow.to_client.packets > 0 || flow.continued;
        return standing;
    }
    const fg_tcp_counts &client = flow.client_sent.tcp;
    standing.answered = flow.to_client.packets > flow.server_sent.tcp.rst;
    const bool went_on = flow.to_server.packets > std::uint64_t{client.syn} + client.rst;
    standing.half_open = delta.client_sent.tcp.syn > 0 && !went_on;
    standing.completed = delta.begun && client.syn > 0 && went_on && standing.answered;
    standing.unserved = delta.begun && client.syn > 0 && went_on &&
                        flow.server_sent.max_length <= longest_without_data(flow);
    standing.stray = delta.begun && client.syn == 0 && delta.to_server.packets > 0 && !standing.answered;
    return standing;
}

void count_target(HostCounts &host, const FlowDelta &delta, const Standing &standing)
{
    const FlowKey &key = delta.flow->key;
    if (standing.fragments) {
        host.fragments += delta.to_server.packets;
        return;
    }
    if (key.proto == FG_PROTO_UDP) {
        if (standing.answered) {
            host.udp_answered += delta.to_server.packets;
            return;
        }
        host.udp_unanswered += delta.to_server;
        if (reflects(key.client_port))
            host.reflected += delta.to_server;
    } else if (key.proto == FG_PROTO_TCP) {
        if (standing.half_open)
            host.half_open_syn += delta.client_sent.tcp.syn;
        host.completed += standing.completed;
        host.stray += standing.stray;
    } else {
        host.other += delta.to_server.packets;
    }
}

void count_standing(ServiceCounts &service, const FlowDelta &delta, const Standing &standing)
{
    if (!standing.answered && !standing.fragments) {
        service.unanswered += delta.to_server;
        service.unanswered_flows++;
    }
    if (standing.half_open)
        service.half_open_syn += delta.client_sent.tcp.syn;
    service.half_open += standing.half_open;
    service.completed += standing.completed;
    service.unserved += standing.unserved;
    service.stray += standing.stray;
}

} // namespace

std::uint32_t longest_without_data(const Flow &flow) { return flow.key.kind == FG_KIND_IPV6 ? 98 : 78; }

ProtocolClass protocol_class(std::uint8_t proto)
{
    if (is_icmp(proto))
        return ProtocolClass::Icmp;
    return proto == FG_PROTO_TCP   ? ProtocolClass::Tcp
           : proto == FG_PROTO_UDP ? ProtocolClass::Udp
                                   : ProtocolClass::Other;
}

TickMetrics::TickMetrics() : services_(max_services), hosts_(max_hosts) {}

void TickMetrics::count(std::span<const FlowDelta> flows)
{
    services_.clear();
    hosts_.clear();
    begun_ = 0;
    for (const FlowDelta &delta : flows)
        count(delta);
}

void TickMetrics::count(const FlowDelta &delta)
{
    const FlowKey &key = delta.flow->key;
    const std::uint64_t bytes = delta.to_server.bytes + delta.to_client.bytes;
    const auto protocol = static_cast<std::size_t>(protocol_class(key.proto));
    const Standing standing = standing_of(delta);
    begun_ += delta.begun;
    if (HostCounts *server = hosts_.at(key.server)) {
        server->received += delta.to_server;
        server->sent += delta.to_client;
        server->begun_to += delta.begun;
        server->bytes[protocol] += bytes;
        count_target(*server, delta, standing);
    }
    if (HostCounts *client = hosts_.at(key.client)) {
        client->received += delta.to_client;
        client->sent += delta.to_server;
        client->begun_by += delta.begun;
        client->bytes[protocol] += bytes;
    }
    const auto port = is_icmp(key.proto) ? std::uint16_t{0} : key.server_port;
    ServiceCounts *service = services_.at({key.server, port, key.proto});
    if (!service)
        return;
    service->in += delta.to_server;
    service->out += delta.to_client;
    service->flows++;
    service->begun += delta.begun;
    service->syn += delta.client_sent.tcp.syn;
    service->syn_ack += delta.server_sent.tcp.syn_ack;
    service->rst_out += delta.server_sent.tcp.rst;
    if (standing.fragments)
        service->fragments += delta.to_server.packets;
    count_standing(*service, delta, standing);
    service->clients.note(key.client);
}

} // namespace flowguard
