// SPDX-License-Identifier: Apache-2.0
#include "service_ports.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace flowguard {
namespace {

struct Ports {
    std::uint16_t first;
    std::uint16_t last;
    std::string_view what;
};

/* Ranges in order. Left out on purpose are ports that are better known for malware than for their registered owners:
 * 1337, 4444, 5555, 6666-6669, 9999, 31337. */
constexpr std::array tcp{
    Ports{1, 1023, "system ports, RFC 6335"},
    Ports{1080, 1080, "SOCKS"},
    Ports{1194, 1194, "OpenVPN"},
    Ports{1352, 1352, "Lotus Notes"},
    Ports{1400, 1400, "Sonos"},
    Ports{1433, 1434, "SQL Server"},
    Ports{1494, 1494, "Citrix"},
    Ports{1521, 1521, "Oracle"},
    Ports{1688, 1688, "KMS"},
    Ports{1701, 1701, "L2TP"},
    Ports{1720, 1723, "H.323, PPTP"},
    Ports{1801, 1801, "MSMQ"},
    Ports{1812, 1813, "RADIUS"},
    Ports{1863, 1863, "MSN"},
    Ports{1883, 1883, "MQTT"},
    Ports{1900, 1900, "UPnP"},
    Ports{1935, 1935, "RTMP"},
    Ports{2000, 2000, "SCCP"},
    Ports{2049, 2049, "NFS"},
    Ports{2082, 2096, "cPanel, Cloudflare"},
    Ports{2181, 2181, "ZooKeeper"},
    Ports{2195, 2197, "Apple push"},
    Ports{2375, 2380, "Docker, etcd"},
    Ports{2404, 2404, "IEC 104"},
    Ports{2525, 2525, "mail submission"},
    Ports{2598, 2598, "Citrix"},
    Ports{2701, 2702, "SMS"},
    Ports{2869, 2869, "UPnP"},
    Ports{3000, 3000, "web development, Grafana"},
    Ports{3050, 3050, "Firebird"},
    Ports{3128, 3128, "web proxies"},
    Ports{3260, 3260, "iSCSI"},
    Ports{3268, 3269, "global catalogue"},
    Ports{3306, 3306, "MySQL"},
    Ports{3389, 3389, "RDP"},
    Ports{3478, 3481, "STUN"},
    Ports{3689, 3689, "DAAP"},
    Ports{4244, 4244, "Viber"},
    Ports{4369, 4369, "Erlang"},
    Ports{4433, 4433, "HTTPS"},
    Ports{4443, 4443, "HTTPS"},
    Ports{4460, 4460, "NTS"},
    Ports{4840, 4840, "OPC UA"},
    Ports{4842, 4842, "Synology"},
    Ports{5000, 5001, "UPnP, Synology, Flask, iperf"},
    Ports{5007, 5007, "MELSEC"},
    Ports{5040, 5040, "Windows"},
    Ports{5060, 5061, "SIP"},
    Ports{5094, 5094, "HART"},
    Ports{5190, 5190, "ICQ"},
    Ports{5201, 5201, "iperf3"},
    Ports{5222, 5223, "XMPP, Apple push"},
    Ports{5228, 5230, "Google push"},
    Ports{5242, 5242, "Viber"},
    Ports{5269, 5269, "XMPP"},
    Ports{5280, 5281, "XMPP"},
    Ports{5353, 5358, "mDNS, LLMNR, WSD"},
    Ports{5432, 5432, "PostgreSQL"},
    Ports{5601, 5601, "Kibana"},
    Ports{5671, 5672, "AMQP"},
    Ports{5722, 5722, "DFS replication"},
    Ports{5800, 5801, "VNC"},
    Ports{5900, 5910, "VNC"},
    Ports{5938, 5938, "TeamViewer"},
    Ports{5984, 5986, "CouchDB, WinRM"},
    Ports{6000, 6063, "X11"},
    Ports{6379, 6380, "Redis"},
    Ports{6443, 6443, "Kubernetes"},
    Ports{6881, 6889, "BitTorrent"},
    Ports{7000, 7001, "AirPlay, WebLogic, Cassandra"},
    Ports{7070, 7070, "RTSP"},
    Ports{7680, 7680, "Windows delivery optimisation"},
    Ports{8000, 8009, "web"},
    Ports{8080, 8091, "web"},
    Ports{8096, 8096, "Jellyfin"},
    Ports{8123, 8123, "Home Assistant"},
    Ports{8140, 8140, "Puppet"},
    Ports{8181, 8181, "web"},
    Ports{8200, 8200, "Vault, DLNA"},
    Ports{8291, 8291, "Winbox"},
    Ports{8300, 8302, "Consul"},
    Ports{8332, 8333, "Bitcoin"},
    Ports{8443, 8444, "HTTPS"},
    Ports{8500, 8500, "Consul"},
    Ports{8530, 8531, "WSUS"},
    Ports{8554, 8554, "RTSP"},
    Ports{8800, 8801, "Zoom"},
    Ports{8880, 8883, "web, MQTT over TLS"},
    Ports{8888, 8889, "web"},
    Ports{9000, 9003, "web, Tor"},
    Ports{9030, 9030, "Tor directory"},
    Ports{9042, 9042, "Cassandra"},
    Ports{9050, 9051, "Tor"},
    Ports{9080, 9080, "web"},
    Ports{9090, 9126, "Prometheus, printers, exporters"},
    Ports{9150, 9151, "Tor"},
    Ports{9200, 9200, "Elasticsearch"},
    Ports{9243, 9243, "Elastic Cloud"},
    Ports{9300, 9300, "Elasticsearch"},
    Ports{9389, 9389, "AD web services"},
    Ports{9418, 9418, "git"},
    Ports{9443, 9443, "HTTPS"},
    Ports{9735, 9735, "Lightning"},
    Ports{10000, 10000, "Webmin"},
    Ports{10050, 10051, "Zabbix"},
    Ports{10250, 10259, "Kubernetes"},
    Ports{10443, 10443, "HTTPS, SSL VPN"},
    Ports{11095, 11095, "Nest"},
    Ports{11211, 11211, "memcached"},
    Ports{15672, 15672, "RabbitMQ"},
    Ports{16992, 16995, "Intel AMT"},
    Ports{18080, 18081, "Monero"},
    Ports{19000, 19000, "JetDirect, Expo"},
    Ports{19302, 19309, "Google STUN"},
    Ports{20000, 20000, "DNP3"},
    Ports{25565, 25565, "Minecraft"},
    Ports{27015, 27050, "Steam, MongoDB"},
    Ports{30303, 30303, "Ethereum"},
    Ports{32400, 32400, "Plex"},
    Ports{44818, 44818, "EtherNet/IP"},
    Ports{47808, 47808, "BACnet"},
};

constexpr std::array periodic{
    Ports{53, 53, "DNS"},
    Ports{67, 69, "DHCP, TFTP"},
    Ports{88, 88, "Kerberos"},
    Ports{110, 110, "POP3: asks for mail"},
    Ports{123, 123, "NTP"},
    Ports{135, 139, "RPC, NetBIOS"},
    Ports{143, 143, "IMAP"},
    Ports{161, 162, "SNMP"},
    Ports{389, 389, "LDAP"},
    Ports{445, 445, "SMB: echo"},
    Ports{464, 464, "Kerberos"},
    Ports{500, 500, "IKE"},
    Ports{502, 502, "Modbus: polls"},
    Ports{514, 514, "syslog"},
    Ports{520, 521, "RIP"},
    Ports{546, 547, "DHCPv6"},
    Ports{554, 554, "RTSP"},
    Ports{636, 636, "LDAP"},
    Ports{853, 853, "DNS over TLS"},
    Ports{993, 995, "IMAP, POP3"},
    Ports{1194, 1194, "OpenVPN"},
    Ports{1433, 1434, "SQL Server"},
    Ports{1521, 1521, "Oracle"},
    Ports{1812, 1813, "RADIUS"},
    Ports{1883, 1883, "MQTT"},
    Ports{1900, 1900, "SSDP"},
    Ports{2049, 2049, "NFS"},
    Ports{2055, 2055, "NetFlow"},
    Ports{2181, 2181, "ZooKeeper"},
    Ports{2379, 2380, "etcd"},
    Ports{2404, 2404, "IEC 104: polls"},
    Ports{3268, 3269, "LDAP"},
    Ports{3306, 3306, "MySQL"},
    Ports{3389, 3389, "RDP"},
    Ports{3478, 3481, "STUN: keeps addresses of NAT"},
    Ports{3544, 3544, "Teredo"},
    Ports{3702, 3702, "WSD"},
    Ports{4500, 4500, "IPsec through NAT"},
    Ports{4739, 4739, "IPFIX"},
    Ports{4840, 4840, "OPC UA"},
    Ports{5060, 5061, "SIP: OPTIONS, REGISTER"},
    Ports{5222, 5223, "XMPP, Apple push"},
    Ports{5228, 5230, "Google push"},
    Ports{5351, 5351, "NAT-PMP"},
    Ports{5353, 5355, "mDNS, LLMNR"},
    Ports{5432, 5432, "PostgreSQL"},
    Ports{5671, 5672, "AMQP"},
    Ports{6343, 6343, "sFlow"},
    Ports{6379, 6380, "Redis"},
    Ports{6881, 6889, "BitTorrent"},
    Ports{8125, 8126, "StatsD, APM"},
    Ports{8332, 8333, "Bitcoin"},
    Ports{8883, 8883, "MQTT over TLS"},
    Ports{9090, 9126, "Prometheus and its exporters"},
    Ports{9993, 9993, "ZeroTier"},
    Ports{9995, 9996, "NetFlow"},
    Ports{10050, 10051, "Zabbix"},
    Ports{10250, 10259, "Kubernetes: health"},
    Ports{11211, 11211, "memcached"},
    Ports{19302, 19309, "STUN"},
    Ports{20000, 20000, "DNP3: polls"},
    Ports{27017, 27019, "MongoDB"},
    Ports{41641, 41641, "Tailscale"},
    Ports{44818, 44818, "EtherNet/IP: polls"},
    Ports{47808, 47808, "BACnet: polls"},
    Ports{51820, 51820, "WireGuard"},
};

constexpr bool in_order(std::span<const Ports> ranges)
{
    for (std::size_t i = 1; i < ranges.size(); i++)
        if (ranges[i].first <= ranges[i - 1].last)
            return false;
    return true;
}
static_assert(in_order(tcp) && in_order(periodic));

bool contains(std::span<const Ports> ranges, std::uint16_t port)
{
    const auto found = std::ranges::lower_bound(ranges, port, {}, &Ports::last);
    return found != ranges.end() && found->first <= port;
}

} // namespace

bool is_service_port(std::uint16_t port) { return contains(tcp, port); }

bool is_periodic_port(std::uint16_t port) { return contains(periodic, port); }

} // namespace flowguard
