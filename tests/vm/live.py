# SPDX-License-Identifier: Apache-2.0
"""Real traffic over a veth pair, counted and blocked at the hooks that this kernel has."""
from fglab import traffic
from fglab.crowd import TC
from fglab.device import UNMERGED, wire
from fglab.flowguard import Flowguard, assert_accounted, sides
from fglab.lab import DEVICE, HOST_V4, HOST_V6, PEER_V4, PEER_V6, Lab
from fglab.namespace import unique
from fglab.traces import Traces

MODES = {"auto": ("xdp-native", TC), "off": (TC, TC)}  # --xdp-mode: the hooks that it must choose
ADDRESSES = ((HOST_V4, PEER_V4), (HOST_V6, PEER_V6))
PINGS = 5
DATAGRAMS = 100
TEXT = bytes(200_000)


def talk(lab, host, peer):
    for there, address, here, source in ((lab.host, host, lab.peer, peer), (lab.peer, peer, lab.host, host)):
        assert traffic.ping(here, address, PINGS) == PINGS, "pings are lost"
        assert traffic.ping(here, address, PINGS, length=4000) == PINGS, "fragmented pings are lost"
        with traffic.UdpPair(there, address, here, source) as pair:
            pair.send(DATAGRAMS, length=300)
        with traffic.tcp_server(there, address):
            traffic.tcp_send(here, address, TEXT)


def check_counts(lab, guard, ingress):
    """To the packet and the byte: flows + overflow + non-IP == totals == the device's counters."""
    before, counters = sides(guard.settled(DEVICE)), lab.device.quiet_counters()
    for host, peer in ADDRESSES:
        talk(lab, host, peer)
    counters = wire(ingress, lab.device.quiet_counters() - counters)
    shown = guard.settled(DEVICE)
    counted = sides(shown) - before
    assert min(counted.rx.packets, counted.tx.packets) > DATAGRAMS, f"too little was counted: {counted}"
    assert counted == counters, f"counted {counted}, but the device {counters}"
    assert_accounted(shown)


def check_block(lab, guard):
    for host, peer in ADDRESSES:
        guard.do("block", peer)
        assert traffic.ping(lab.peer, host, PINGS, wait_s=0.5, source=peer) == 0, f"{peer} gets through its block"
        [block] = guard.ask("blocks")["blocks"]
        assert block["packets"] == PINGS, f"the block of {peer} has dropped {block['packets']} packets, not {PINGS}"
        guard.do("unblock", peer)
        assert traffic.ping(lab.peer, host, PINGS, source=peer) == PINGS, f"{peer} stays blocked after unblock"


def check_in(lab, report, mode):
    for device in (lab.device, lab.far):
        device.features(**UNMERGED)
    traces = Traces(lab)
    guard = Flowguard(lab.host, unique("vm"))
    try:
        [interface] = guard.attach(DEVICE, mode=mode)["interfaces"]
        report("loads", "yes")
        hooks = tuple(interface[side]["hook"] for side in ("ingress", "egress"))
        report(f"hooks_{mode}", "/".join(hooks))
        assert hooks == MODES[mode], f"--xdp-mode {mode} took {hooks}, not {MODES[mode]}"
        check_counts(lab, guard, hooks[0])
        check_block(lab, guard)
        guard.detach()
        traces.check(guard)
        traces.check_lab()
    finally:
        guard.stop_all()


def check(report, mode):
    with Lab() as lab:
        check_in(lab, report, mode)
