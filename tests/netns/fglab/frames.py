# SPDX-License-Identifier: Apache-2.0
"""Frames made by hand, for what a kernel does not send by itself; scapy's layers are tests' to use from here."""
import errno
import socket

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from .device import Volume
from .lab import DEVICE, HOST_MAC, HOST_V4, HOST_V6, PEER_MAC, PEER_V4, PEER_V6

ESP = 50
PAYLOAD = Raw(b"flowguard" * 8)


def to_host(payload, source=PEER_V4, tags=()):
    """A frame from the peer to the host; IPv6 if the source is."""
    frame = Ether(src=PEER_MAC, dst=HOST_MAC)
    for tag in tags:
        frame = frame / tag
    network = IPv6(src=source, dst=HOST_V6) if ":" in source else IP(src=source, dst=HOST_V4)
    return frame / network / payload


def from_host(payload, destination=PEER_V4, tags=()):
    frame = Ether(src=HOST_MAC, dst=PEER_MAC)
    for tag in tags:
        frame = frame / tag
    network = IPv6(src=HOST_V6, dst=destination) if ":" in destination else IP(src=HOST_V4, dst=destination)
    return frame / network / payload


def volume(frames, copies=1):
    return Volume(len(frames) * copies, sum(len(bytes(frame)) for frame in frames) * copies)


def _send_one(sender, frame):
    try:
        sender.send(frame)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # how the kernel says that a program at tc egress has dropped it
            raise


def send(namespace, frames, device=DEVICE, copies=1):
    """Out of a device, through tc egress, as they are. Returns their volume, whether or not they got out."""
    built = [bytes(frame) for frame in frames]
    with namespace.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((device, 0))
        for _ in range(copies):
            for frame in built:
                _send_one(sender, frame)
    return volume(built, copies)
