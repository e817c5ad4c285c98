# SPDX-License-Identifier: Apache-2.0
"""Two hosts and a cable: `host` is guarded, `peer` is everybody else."""
import contextlib

from . import crowd
from .device import Device
from .namespace import Namespace, unique

HOST_V4, PEER_V4 = "10.99.0.1", "10.99.0.2"
HOST_V6, PEER_V6 = "fd99::1", "fd99::2"
OTHER_V4, OTHER_V6 = "10.99.0.3", "fd99::3"  # a second neighbour, at the peer too
HOST_MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
DEVICE = "eth0"
IFINDEX = 7  # of DEVICE, in both namespaces


class Lab:
    def __init__(self):
        self.host = Namespace(unique("fgh"))
        self.peer = Namespace(unique("fgp"))
        self.device = Device(self.host, DEVICE)
        self.far = Device(self.peer, DEVICE)
        self.extras = contextlib.ExitStack()

    def __enter__(self):
        try:
            self.host.create()
            self.peer.create()
            self.plug()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.extras.close()
        self.host.delete()
        self.peer.delete()

    def plug(self):
        """The veth pair with its addresses; also after a test has deleted it."""
        self.host.ip("link", "add", DEVICE, "index", IFINDEX, "address", HOST_MAC, "type", "veth",
                     "peer", "name", DEVICE, "index", IFINDEX, "address", PEER_MAC, "netns", self.peer.name)
        for namespace, v4s, v6s, neighbours, mac in [
                (self.host, [HOST_V4], [HOST_V6], [PEER_V4, OTHER_V4, PEER_V6, OTHER_V6], PEER_MAC),
                (self.peer, [PEER_V4, OTHER_V4], [PEER_V6, OTHER_V6], [HOST_V4, HOST_V6], HOST_MAC)]:
            commands = [f"link set {DEVICE} addrgenmode none", f"link set {DEVICE} up"]
            commands += [f"address add {address}/24 dev {DEVICE}" for address in v4s]
            commands += [f"address add {address}/64 dev {DEVICE} nodad" for address in v6s]
            commands += [f"neighbour replace {address} lladdr {mac} dev {DEVICE} nud permanent"
                         for address in neighbours]
            namespace.ip_batch(commands)

    def forbid_tcx(self):
        if crowd.has_tcx():
            self.extras.enter_context(crowd.full_tcx(self.host, IFINDEX))

    def unplug(self):
        self.host.ip("link", "delete", DEVICE)
