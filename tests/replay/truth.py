# SPDX-License-Identifier: Apache-2.0
"""What zeek, nDPI and ipfixprobe counted: each reader yields (Flow, packets, bytes), one direction at a time.

Ports of ICMP are 0: every tool puts something else there.
"""

import collections
import csv
import ipaddress
import re

Flow = collections.namedtuple("Flow", "src dst proto sport dport")

PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "icmpv6": 58, "icmp6": 58, "sctp": 132, "gre": 47, "esp": 50,
             "ah": 51, "vrrp": 112, "ospf": 89, "pim": 103, "ip": 4, "ipip": 4, "ipv6": 41}


def flow(src, dst, proto, sport, dport):
    source, destination = str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst))
    if proto in (1, 58):
        sport = dport = 0
    return Flow(source, destination, int(proto), int(sport), int(dport))


def both_ways(forward, sent, back):
    reverse = Flow(forward.dst, forward.src, forward.proto, forward.dport, forward.sport)
    for way, (packets, size) in ((forward, sent), (reverse, back)):
        if packets:
            yield way, packets, size


def zeek(path):
    """conn.log; bytes are those of IP packets. Nothing if the log was cut to columns without counts."""
    fields = None
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("#fields"):
            fields = line.split("\t")[1:]
        if line.startswith("#") or not fields or "orig_ip_bytes" not in fields:
            continue
        row = dict(zip(fields, line.split("\t")))
        if row["proto"] == "unknown_transport":
            proto = int(row["ip_proto"])
        else:
            proto = 58 if row["proto"] == "icmp" and ":" in row["id.orig_h"] else PROTOCOLS[row["proto"]]
        name = flow(row["id.orig_h"], row["id.resp_h"], proto, row["id.orig_p"], row["id.resp_p"])
        yield from both_ways(name, (int(row["orig_pkts"]), int(row["orig_ip_bytes"])),
                             (int(row["resp_pkts"]), int(row["resp_ip_bytes"])))


NDPI_FLOW = re.compile(r"^\t\d+\t(\S+) (\S+) <?->? (\S+) .*?\[(\d+) pkts/(\d+) bytes <?->? (\d+) pkts/(\d+) bytes\]")


def ndpi_address(text):
    """("::1", 5) of "[::1]:5"; port 0 if none is given."""
    bracketed = re.fullmatch(r"\[(.*)\](?::(\d+))?", text)
    if bracketed:
        return bracketed[1], int(bracketed[2] or 0)
    if text.count(":") > 1:
        return text, 0
    address, _, port = text.partition(":")
    return address, int(port or 0)


def ndpi(path):
    """The flow list of ndpiReader -v 2; bytes are those of frames before they were cut."""
    for line in path.read_text(errors="replace").splitlines():
        found = NDPI_FLOW.match(line)
        if not found:
            continue
        proto = PROTOCOLS.get(found[1].lower())
        (src, sport), (dst, dport) = ndpi_address(found[2]), ndpi_address(found[3])
        name = flow(src, dst, int(found[1]) if proto is None else proto, sport, dport)
        numbers = [int(found[i]) for i in range(4, 8)]
        yield from both_ways(name, tuple(numbers[:2]), tuple(numbers[2:]))


IPFIX_COUNTS = """SRC_IP DST_IP PROTOCOL SRC_PORT DST_PORT TIME_FIRST TIME_LAST PACKETS PACKETS_REV BYTES
BYTES_REV VLAN_ID""".split()


def ipfixprobe(path):
    """The text output of ipfixprobe, its header line anywhere; bytes are those of IP packets.

    A record is exported once for each name that a NetBIOS flow holds, each time with all of its counts.
    """
    rows = list(csv.reader(path.read_text(errors="replace").splitlines()))
    at = next(i for i, row in enumerate(rows) if row and row[0].startswith("ipaddr "))
    columns = [column.split()[-1] for column in rows.pop(at)]
    exported = set()
    for values in rows:
        row = dict(zip(columns, values))
        if (counts := tuple(row.get(column) for column in IPFIX_COUNTS)) in exported:
            continue
        exported.add(counts)
        name = flow(row["SRC_IP"], row["DST_IP"], row["PROTOCOL"], row["SRC_PORT"], row["DST_PORT"])
        yield from both_ways(name, (int(row["PACKETS"]), int(row["BYTES"])),
                             (int(row["PACKETS_REV"]), int(row["BYTES_REV"])))


READERS = {"zeek": zeek, "ndpi": ndpi, "ipfixprobe": ipfixprobe}
