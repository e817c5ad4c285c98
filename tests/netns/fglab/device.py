# SPDX-License-Identifier: Apache-2.0
"""One network device: its own counters, and what ethtool sets."""
from typing import NamedTuple

from . import shell
from .wait import until_stable

STILL_S = 0.06
ETHERNET_HEADER = 14
# For Device.features(): a veth device counts what it is handed, which without these are wire frames.
UNMERGED = {"tso": "off", "gso": "off", "gro": "off", "tx-udp-segmentation": "off"}


class Volume(NamedTuple):
    packets: int
    bytes: int

    def __sub__(self, other):
        return Volume(self.packets - other.packets, self.bytes - other.bytes)

    def __add__(self, other):
        return Volume(self.packets + other.packets, self.bytes + other.bytes)


NOTHING = Volume(0, 0)


class Counters(NamedTuple):
    rx: Volume
    tx: Volume

    def __sub__(self, other):
        return Counters(self.rx - other.rx, self.tx - other.tx)

    def with_link_header(self):
        """Of a device that counts received packets after taking their Ethernet header off."""
        return self._replace(rx=self.rx + Volume(0, ETHERNET_HEADER * self.rx.packets))


def wire(hook, counted):
    """veth with native XDP counts received socket buffers without their Ethernet header (veth_xdp_rcv())."""
    return counted.with_link_header() if hook == "xdp-native" else counted


class Device:
    def __init__(self, namespace, name):
        self.namespace = namespace
        self.name = name

    def counters(self):
        """The 64-bit counters of the driver, as `ip -s link` shows them."""
        for line in self.namespace.read("dev").splitlines():
            name, _, numbers = line.partition(":")
            if name.strip() == self.name:
                fields = [int(field) for field in numbers.split()]
                return Counters(Volume(fields[1], fields[0]), Volume(fields[9], fields[8]))
        raise AssertionError(f"no device {self.name} in {self.namespace.name}")

    def quiet_counters(self):
        return until_stable(self.counters, still_s=STILL_S, what=f"counters of {self.name}")

    def features(self, **features):
        """features(tso="off") is `ethtool -K DEV tso off`."""
        words = [word for pair in features.items() for word in pair]
        self.namespace.run("ethtool", "-K", self.name, *words)

    def mac(self):
        return next(link["address"] for link in self.namespace.links() if link["ifname"] == self.name)

    def set(self, *words):
        self.namespace.ip("link", "set", self.name, *words)

    def qdiscs(self):
        shown = shell.output_json("tc", "-n", self.namespace.name, "-j", "qdisc", "show", "dev", self.name)
        return [qdisc["kind"] for qdisc in shown]
