# SPDX-License-Identifier: Apache-2.0
"""Captures as tshark parses them, in flowguard's terms. Its dissectors share nothing with flowguard's parser."""

import collections
import subprocess

FIELDS = """frame.protocols frame.cap_len frame.len eth.type vlan.id vlan.etype vlan.len ieee8021ad.id
ip.src ip.dst ip.cur_rt ip.hdr_len ip.len ip.id ip.flags.mf ip.proto ip.frag_offset ipv6.src ipv6.dst ipv6.plen ipv6.nxt ipv6.hopopts.nxt
ipv6.routing.nxt ipv6.fraghdr.nxt ipv6.fraghdr.offset ipv6.dstopts.nxt mip6.proto tcp.hdr_len tcp.srcport tcp.dstport
udp.srcport udp.dstport sctp.srcport sctp.dstport dccp.srcport dccp.dstport icmp.type icmp.code icmpv6.type icmpv6.code""".split()

# Packets as they are: a reassembled datagram would take the place of its last fragment, and a length of 0 in the header
# means a packet that was to be segmented later.
OPTIONS = ["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
           "-o", "ip.tso_support:TRUE", "-o", "ipv6.tso_support:TRUE"]

EXTENSIONS = {0: "ipv6.hopopts.nxt", 43: "ipv6.routing.nxt", 44: "ipv6.fraghdr.nxt", 60: "ipv6.dstopts.nxt",
              135: "mip6.proto"}
PORTS = {6: "tcp", 17: "udp", 136: "udp", 132: "sctp", 33: "dccp"}
ICMP = {1: "icmp", 58: "icmpv6"}

IPV4, IPV6, NON_IP, MALFORMED = 1, 2, 3, 4
FRAGMENT, TRUNCATED = 1, 2
LLC = 4
MAX_VLANS = 2
MAX_EXTENSIONS = 8

Key = collections.namedtuple("Key", "kind src dst proto sport dport flags vlan")


def frames(paths):
    """One {field: [values]} for each frame of these captures, one capture after the other."""
    # Together, because tshark takes half a second to start.
    merge = ["mergecap", "-a", "-I", "none", "-F", "pcapng", "-w", "-", *map(str, paths)]
    show = ["tshark", "-r", "-", *OPTIONS, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    for field in FIELDS:
        show += ["-e", field]
    with subprocess.Popen(merge, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as merged, \
            subprocess.Popen(show, stdin=merged.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             errors="replace") as shown:
        merged.stdout.close()
        for line in shown.stdout:
            values = line.rstrip("\n").split("\t")
            yield {name: value.split(",") if value else [] for name, value in zip(FIELDS, values)}


def first(frame, field):
    """The outermost occurrence as a number; None if there is none."""
    values = frame[field]
    return int(values[0], 0) if values else None


def link_layers(frame):
    """(tags in their order as (name, id), the layer that follows Ethernet and its tags)."""
    ids = {name: iter(frame[name + ".id"]) for name in ("vlan", "ieee8021ad")}
    tags = []
    for layer in frame["frame.protocols"][0].split(":") if frame["frame.protocols"] else []:
        if layer in ids:
            tags.append((layer, int(next(ids[layer], "0"), 0)))
        elif layer not in ("eth", "ethertype", "raw", "null"):
            return tags, layer
    return tags, ""


def ether_type(frame, tags):
    """What follows Ethernet and these tags."""
    vlans = sum(name == "vlan" for name, _ in tags)
    if vlans and len(frame["vlan.etype"]) >= vlans:
        return int(frame["vlan.etype"][vlans - 1], 0)
    kind = first(frame, "eth.type")
    return LLC if kind is None or kind < 0x600 or frame["vlan.len"] else kind


def walk_extensions(frame):
    """(next header after the chain, flags), by RFC 8200."""
    found = {proto: iter(frame[field]) for proto, field in EXTENSIONS.items()}
    proto = first(frame, "ipv6.nxt")
    for _ in range(MAX_EXTENSIONS):
        if proto not in EXTENSIONS:
            break
        following = next(found[proto], None)
        if following is None:
            return proto, TRUNCATED
        was, proto = proto, int(following, 0)
        if was == 44 and first(frame, "ipv6.fraghdr.offset"):
            return proto, FRAGMENT
    return proto, TRUNCATED if proto in EXTENSIONS else 0


def ports(frame, proto):
    """(sport, dport, flags)."""
    if proto in PORTS:
        names = PORTS[proto] + ".srcport", PORTS[proto] + ".dstport"
    elif proto in ICMP:
        names = ICMP[proto] + ".type", ICMP[proto] + ".code"
    else:
        return 0, 0, 0
    values = [first(frame, name) for name in names]
    return (0, 0, TRUNCATED) if None in values else (*values, 0)


def key_of(frame, exceptions):
    """flowguard's key of a frame. `exceptions` counts, by name, where tshark means something else by its words."""
    tags, layer = link_layers(frame)
    vlan = tuple(([number for _, number in tags] + [0, 0])[:MAX_VLANS])
    if len(tags) > MAX_VLANS:
        exceptions["third VLAN tag: flowguard stops at two and counts the frame as not IP"] += 1
        return Key(NON_IP, "", "", 0, 0x88a8 if tags[MAX_VLANS][0] == "ieee8021ad" else 0x8100, 0, 0, vlan)
    if layer not in ("ip", "ipv6"):
        return Key(NON_IP, "", "", 0, ether_type(frame, tags), 0, 0, vlan)
    kind, unaddressed = (IPV4, 0x0800) if layer == "ip" else (IPV6, 0x86dd)
    if not frame[layer + ".src"] or not frame[layer + ".dst"]:
        return Key(MALFORMED, "", "", 0, unaddressed, 0, 0, vlan)
    source, destination = frame[layer + ".src"][0], frame[layer + ".dst"][0]
    if kind == IPV6:
        proto, flags = walk_extensions(frame)
    else:
        proto, flags = first(frame, "ip.proto"), FRAGMENT if first(frame, "ip.frag_offset") else 0
        if frame["ip.cur_rt"]:
            exceptions["source route: tshark shows the last hop, flowguard the header's destination"] += 1
            destination = frame["ip.cur_rt"][0]
    sport, dport, cut = ports(frame, proto) if not flags else (0, 0, 0)
    return Key(kind, source, destination, proto, sport, dport, flags | cut, vlan)


def ip_bytes(frame):
    """The length that the outer IP header states; 0 if there is none."""
    _, layer = link_layers(frame)
    if layer == "ip":
        return first(frame, "ip.len") or 0
    return 40 + (first(frame, "ipv6.plen") or 0) if layer == "ipv6" else 0


def link_length(frame):
    """Bytes of Ethernet and its tags."""
    return 14 + 4 * len(link_layers(frame)[0]) if frame["frame.protocols"][0].startswith("eth") else 0


def encapsulates(frame):
    """True when something follows that begins with a link or IP header of its own."""
    layers = frame["frame.protocols"][0].split(":")
    _, outer = link_layers(frame)
    return outer in layers and bool({"ip", "ipv6", "llc"} & set(layers[layers.index(outer) + 1:]))


def lacks_tcp_header(frame):
    """True for TCP over IPv4 whose header, by its own length field, goes beyond the packet."""
    if first(frame, "ip.proto") != 6 or link_layers(frame)[1] != "ip":
        return False
    length = first(frame, "tcp.hdr_len")
    return length is None or length < 20 or ip_bytes(frame) - first(frame, "ip.hdr_len") < length


def inner_pairs(frame):
    """Address pairs that are not flowguard's: inside of tunnels, in ICMP errors, behind link headers it does not enter."""
    _, layer = link_layers(frame)
    pairs = set()
    for name in ("ip", "ipv6"):
        skipped = 1 if layer == name else 0
        pairs.update(zip(frame[name + ".src"][skipped:], frame[name + ".dst"][skipped:]))
    return pairs
