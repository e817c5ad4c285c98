# SPDX-License-Identifier: Apache-2.0
"""A blocked address is blocked by its address alone: whatever the protocol, the stack never sees its packets."""
import time
from typing import NamedTuple

import pytest

from fglab import frames, stack, traffic, vlan
from fglab.device import Volume
from fglab.flowguard import Flowguard
from fglab.frames import from_host, to_host
from fglab.lab import DEVICE, HOST_V4, HOST_V6, OTHER_V4, OTHER_V6, PEER_V4, PEER_V6, Lab
from fglab.wait import until
from fixtures import HOOKS, attach, guarded_lab

COPIES = 25
VLAN = [frames.Dot1Q(vlan=100)]
QINQ = [frames.Dot1AD(vlan=200), frames.Dot1Q(vlan=100)]
UDP = frames.UDP(sport=5000, dport=9) / frames.PAYLOAD
TCP_SYN = frames.TCP(sport=5000, dport=80, flags="S")
LATER = 100  # fragment offset, in units of 8 bytes


def v4(payload, **fields):
    """A packet of an IPv4 source, with some header fields set."""
    def make(source):
        frame = to_host(payload, source)
        for name, value in fields.items():
            setattr(frame[frames.IP], name, value)
        return frame
    return make


def v6(payload):
    return lambda source: to_host(payload, source)


def tagged(payload, tags):
    return lambda source: to_host(payload, source, tags)


IPV4_PACKETS = {
    "TCP": v4(TCP_SYN),
    "UDP": v4(UDP),
    "ICMP": v4(frames.ICMP() / frames.PAYLOAD),
    "first fragment": v4(UDP, flags="MF"),
    "later fragment": v4(frames.PAYLOAD, frag=LATER, proto=17),
    "ESP": v4(frames.PAYLOAD, proto=frames.ESP),
    "options": v4(UDP, options=[frames.IPOption(b"\x01\x01\x01\x00")]),
    "unknown protocol": v4(frames.PAYLOAD, proto=253),
    "VLAN": tagged(UDP, VLAN),
    "QinQ": tagged(UDP, QINQ),
}
IPV6_PACKETS = {
    "TCP": v6(TCP_SYN),
    "UDP": v6(UDP),
    "ICMPv6": v6(frames.ICMPv6EchoRequest(data=b"flowguard")),
    "extension headers": v6(frames.IPv6ExtHdrHopByHop() / frames.IPv6ExtHdrDestOpt() / UDP),
    "first fragment": v6(frames.IPv6ExtHdrFragment(m=1, id=7) / UDP),
    "later fragment": v6(frames.IPv6ExtHdrFragment(offset=LATER, id=7, nh=17) / frames.PAYLOAD),
    "ESP": v6(frames.IPv6ExtHdrDestOpt(nh=frames.ESP) / frames.PAYLOAD),
    "VLAN": tagged(UDP, VLAN),
    "QinQ": tagged(UDP, QINQ),
}
PACKETS = [pytest.param(make, blocked, other, id=f"{family} {name}")
           for family, packets, blocked, other in (("IPv4", IPV4_PACKETS, PEER_V4, OTHER_V4),
                                                   ("IPv6", IPV6_PACKETS, PEER_V6, OTHER_V6))
           for name, make in packets.items()]
FAMILIES = [pytest.param(HOST_V4, PEER_V4, OTHER_V4, id="IPv4"), pytest.param(HOST_V6, PEER_V6, OTHER_V6, id="IPv6")]
by_family = pytest.mark.parametrize("host, blocked, other", FAMILIES)


class Blocking(NamedTuple):
    lab: Lab
    guard: Flowguard

    def counted(self, address):
        """What the block of an address has dropped."""
        [entry] = [each for each in self.guard.ask("blocks")["blocks"] if each["target"] == address]
        return Volume(entry["packets"], entry["bytes"])

    def seen(self, act):
        """How many more packets the host's stack has seen after act()."""
        before = stack.seen(self.lab.device)
        act()
        self.lab.device.quiet_counters()
        return stack.seen(self.lab.device) - before

    def send(self, frame):
        return self.seen(lambda: frames.send(self.lab.peer, [frame], copies=COPIES))


@pytest.fixture(scope="module", params=HOOKS)
def blocking(request, tmp_path_factory):
    """A host whose blocklist holds both addresses of the peer, and neither of its neighbour."""
    with guarded_lab(request.param, tmp_path_factory.mktemp("block")) as (lab, guard):
        # Then the device counts the tags that come in frames.
        lab.device.features(**dict.fromkeys(vlan.RX_OFFLOADS, "off"))
        guard.settle()
        for address in (PEER_V4, PEER_V6):
            guard.do("block", address)
        yield Blocking(lab, guard)


@pytest.fixture
def open_host(lab, guard):
    attach(lab, guard, "xdp-native")
    return Blocking(lab, guard)


@pytest.mark.parametrize("make, blocked, other", PACKETS)
def test_the_stack_sees_nothing_of_a_blocked_source_and_all_of_its_neighbour(blocking, make, blocked, other):
    before = blocking.counted(blocked)
    assert blocking.send(make(other)) == COPIES
    assert blocking.send(make(blocked)) == 0
    assert blocking.counted(blocked) - before == frames.volume([make(blocked)], COPIES)


@by_family
def test_no_conversation_with_a_blocked_source(blocking, host, blocked, other):
    lab = blocking.lab
    with traffic.tcp_server(lab.host, host):
        assert not traffic.tcp_reaches(lab.peer, host, source=blocked)
        assert traffic.tcp_reaches(lab.peer, host, source=other)
    assert traffic.ping(lab.peer, host, count=2, wait_s=0.2, source=blocked) == 0
    assert traffic.ping(lab.peer, host, count=2, source=other) == 2


@by_family
def test_nothing_leaves_for_a_blocked_destination(blocking, host, blocked, other):
    lab = blocking.lab
    for address, arrives in ((blocked, 0), (other, COPIES)):
        with traffic.UdpPair(lab.peer, address, lab.host, host, port=6000) as pair:
            before = stack.seen(lab.far)
            pair.send(COPIES)
            lab.device.quiet_counters()
            assert pair.received() == stack.seen(lab.far) - before == arrives


def test_tags_do_not_carry_packets_to_a_blocked_destination(blocking):
    before, counters = blocking.counted(PEER_V4), blocking.lab.far.quiet_counters()
    sent = [from_host(UDP, tags=VLAN), from_host(UDP, tags=QINQ)]
    frames.send(blocking.lab.host, sent, copies=COPIES)
    assert blocking.lab.far.quiet_counters().rx == counters.rx
    assert blocking.counted(PEER_V4) - before == frames.volume(sent, COPIES)


def test_a_segmented_datagram_that_is_dropped_counts_as_its_frames(blocking):
    calls, segments, length = 10, 20, 1000
    lab = blocking.lab
    lab.device.features(gso="on", **{"tx-udp-segmentation": "on"})
    before = blocking.counted(PEER_V4)
    with traffic.UdpPair(lab.peer, PEER_V4, lab.host, HOST_V4) as pair:
        pair.send_segmented(calls, segments, length)
        assert pair.received() == 0
    assert blocking.counted(PEER_V4) - before == Volume(calls * segments, calls * segments * (length + 42))


def test_status_and_flows_show_what_was_dropped_and_it_stays_accounted(lab, guard):
    attach(lab, guard, "xdp-native")
    guard.do("block", PEER_V4)
    dropped = frames.send(lab.peer, [to_host(UDP)], copies=COPIES)
    passed = frames.send(lab.peer, [to_host(UDP, OTHER_V4)], copies=COPIES)
    interface = guard.settled(DEVICE)
    assert Volume(interface["rx"]["dropped_packets"], interface["rx"]["dropped_bytes"]) == dropped
    assert Volume(interface["rx"]["packets"], interface["rx"]["bytes"]) == dropped + passed
    assert interface["accounted"] == 1.0
    [flow] = [each for each in guard.flows() if each["src_ip"] == PEER_V4]
    assert flow["flow"]["state"] == "new"
    assert Volume(flow["flowguard"]["dropped_packets"], flow["flowguard"]["dropped_bytes"]) == dropped


@by_family
def test_in_blocks_the_source_and_lets_packets_to_it_pass(open_host, host, blocked, other):
    lab = open_host.lab
    open_host.guard.do("block", blocked, "--in")
    assert open_host.send(to_host(UDP, blocked)) == 0
    with traffic.UdpPair(lab.peer, blocked, lab.host, host) as pair:
        pair.send(COPIES)
        until(lambda: stack.seen(lab.far), what="a packet to the blocked source")
        assert pair.received() == COPIES


@by_family
def test_out_blocks_the_destination_and_lets_packets_from_it_pass(open_host, host, blocked, other):
    lab = open_host.lab
    open_host.guard.do("block", blocked, "--out")
    assert open_host.send(to_host(UDP / frames.PAYLOAD, blocked)) == COPIES
    with traffic.UdpPair(lab.peer, blocked, lab.host, host) as pair:
        pair.send(COPIES)
        lab.device.quiet_counters()
        assert pair.received() == 0


def test_blocking_cuts_a_connection_and_unblocking_mends_it(open_host):
    lab, guard = open_host.lab, open_host.guard
    with traffic.tcp_server(lab.host, HOST_V4):
        assert traffic.tcp_reaches(lab.peer, HOST_V4, source=PEER_V4)
        guard.do("block", PEER_V4)
        assert not traffic.tcp_reaches(lab.peer, HOST_V4, source=PEER_V4)
        guard.do("unblock", PEER_V4)
        assert traffic.tcp_reaches(lab.peer, HOST_V4, source=PEER_V4)


def test_the_kernel_ends_a_block_by_its_own_clock_though_the_daemon_is_dead(open_host):
    lifetime_s = 2
    started = time.monotonic()
    open_host.guard.do("block", PEER_V4, "--for", f"{lifetime_s}s")
    open_host.guard.kill_daemon()
    assert open_host.send(to_host(UDP)) == 0
    until(lambda: open_host.send(to_host(UDP)) == COPIES, within_s=lifetime_s + 2, what="the end of the block")
    assert time.monotonic() - started >= lifetime_s


def test_a_dead_daemon_lifts_no_block_and_root_can(open_host):
    guard = open_host.guard
    guard.do("block", PEER_V4)
    guard.kill_daemon()
    assert open_host.send(to_host(UDP)) == 0
    assert open_host.counted(PEER_V4) == frames.volume([to_host(UDP)], COPIES)
    guard.do("block", OTHER_V4)
    assert open_host.send(to_host(UDP, OTHER_V4)) == 0
    for address in (PEER_V4, OTHER_V4):
        guard.do("unblock", address)
        assert open_host.send(to_host(UDP, address)) == COPIES


@pytest.mark.parametrize("prefix,inside,outside", [("10.99.0.2/31", OTHER_V4, None), ("fd99::2/127", OTHER_V6, None),
                                                   ("10.99.0.3/32", OTHER_V4, PEER_V4)])
def test_a_prefix_is_blocked_until_it_is_lifted(lab, guard, prefix, inside, outside):
    guard.attach(DEVICE)
    host = HOST_V6 if ":" in inside else HOST_V4
    assert guard.ask("block", prefix)["changed"]
    assert not guard.ask("block", prefix)["changed"]
    assert traffic.ping(lab.peer, host, count=3, wait_s=0.2, source=inside) == 0
    if outside:
        assert traffic.ping(lab.peer, host, count=3, source=outside) == 3
    [block] = guard.ask("blocks")["blocks"]
    assert block["packets"] == 3
    assert guard.ask("unblock", block["target"])["changed"]
    assert guard.status()["policy"]["blocks"] == 0
    assert traffic.ping(lab.peer, host, count=3, source=inside) == 3
