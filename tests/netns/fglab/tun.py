# SPDX-License-Identifier: Apache-2.0
"""A tun device, whose far end is this process: packets without an Ethernet header."""
import fcntl
import os
import struct

from .device import Device

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
V4, V6 = "10.97.0.1", "fd97::1"
FAR_V4, FAR_V6 = "10.97.0.2", "fd97::2"


class Tun:
    def __init__(self, namespace, name="tun0"):
        self.device = Device(namespace, name)
        with namespace.entered():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        namespace.ip_batch([f"link set {name} addrgenmode none", f"link set {name} up",
                            f"address add {V4}/24 dev {name}", f"address add {V6}/64 dev {name} nodad"])

    def close(self):
        os.close(self.fd)

    def send(self, packets):
        """Into the host."""
        for packet in packets:
            os.write(self.fd, bytes(packet))

    def receive(self):
        """What the host has sent since the last call."""
        packets = []
        try:
            while True:
                packets.append(os.read(self.fd, 65536))
        except BlockingIOError:
            return packets
