# SPDX-License-Identifier: Apache-2.0
"""Two hosts and a cable: `host` is guarded, `peer` is everybody else."""
from .device import Device
from .namespace import Namespace, unique

HOST_V4, PEER_V4 = "10.99.0.1", "10.99.0.2"
HOST_V6, PEER_V6 = "fd99::1", "fd99::2"
OTHER_V4, OTHER_V6 = "10.99.0.3", "fd99::3"  # a second neighbour, at the peer too
HOST_MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
DEVICE = "eth0"


class Lab:
    def __init__(self):
        self.host = Namespace(unique("fgh"))
        try:
            self.peer = Namespace(unique("fgp"))
            try:
                self.plug()
            except BaseException:
                self.peer.delete()
                raise
        except BaseException:
            self.host.delete()
            raise
        self.device = Device(self.host, DEVICE)
        self.far = Device(self.peer, DEVICE)

    def plug(self):
        """The veth pair with its addresses; also after a test has deleted it."""
        self.host.ip("link", "add", DEVICE, "address", HOST_MAC, "type", "veth",
                     "peer", "name", DEVICE, "address", PEER_MAC, "netns", self.peer.name)
        for namespace, v4s, v6s, neighbours, mac in [
                (self.host, [HOST_V4], [HOST_V6], [PEER_V4, OTHER_V4, PEER_V6, OTHER_V6], PEER_MAC),
                (self.peer, [PEER_V4, OTHER_V4], [PEER_V6, OTHER_V6], [HOST_V4, HOST_V6], HOST_MAC)]:
            commands = [f"link set {DEVICE} addrgenmode none", f"link set {DEVICE} up"]
            commands += [f"address add {address}/24 dev {DEVICE}" for address in v4s]
            commands += [f"address add {address}/64 dev {DEVICE} nodad" for address in v6s]
            commands += [f"neighbour replace {address} lladdr {mac} dev {DEVICE} nud permanent" for address in neighbours]
            namespace.ip_batch(commands)

    def unplug(self):
        self.host.ip("link", "delete", DEVICE)

    def delete(self):
        self.host.delete()
        self.peer.delete()
