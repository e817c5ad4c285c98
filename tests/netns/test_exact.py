# SPDX-License-Identifier: Apache-2.0
"""
The first law: flows + overflow + non-IP == independent totals == the device's own counters, to the packet and the byte.

flowguard counts wire frames. A veth device counts what it is handed: with segmentation offloads on, a whole GSO packet
is one. So the device is asked with offloads off, and with them on the other end of the cable is.
"""
from typing import NamedTuple

import pytest

from fglab import frames, traffic, vlan
from fglab.crowd import TC
from fglab.device import NOTHING, UNMERGED, Counters, Volume, wire
from fglab.flowguard import Flowguard, assert_accounted, part, sides
from fglab.lab import DEVICE, HOST_V4, HOST_V6, PEER_V4, PEER_V6, Lab
from fglab.wait import until
from fixtures import HOOKS, attach, guarded_lab

FAMILIES = {"IPv4": (HOST_V4, PEER_V4), "IPv6": (HOST_V6, PEER_V6)}
UDP_HEADERS = {"IPv4": 14 + 20 + 8, "IPv6": 14 + 40 + 8}
TAG = 4
BULK = bytes(3 << 20)
SEGMENTS, SEGMENT_LENGTH, SEGMENTED_CALLS = 20, 1000, 10
INNER, OUTER = 100, 200


def short_connections(lab, host, peer):
    for server, client, address in ((lab.host, lab.peer, host), (lab.peer, lab.host, peer)):
        with traffic.tcp_server(server, address, answer=bytes(3000)):
            for _ in range(10):
                traffic.tcp_send(client, address, bytes(500))


def refused_connections(lab, host, peer):
    assert not traffic.tcp_reaches(lab.peer, host)
    assert not traffic.tcp_reaches(lab.host, peer)


def bulk(lab, host, peer):
    for server, client, address in ((lab.host, lab.peer, host), (lab.peer, lab.host, peer)):
        with traffic.tcp_server(server, address):
            traffic.tcp_send(client, address, BULK)


def datagrams(lab, host, peer):
    for to, to_address, of, of_address in ((lab.host, host, lab.peer, peer), (lab.peer, peer, lab.host, host)):
        with traffic.UdpPair(to, to_address, of, of_address) as pair:
            pair.send(count=100, length=300)


def segmented_datagrams(lab, host, peer):
    for to, to_address, of, of_address in ((lab.host, host, lab.peer, peer), (lab.peer, peer, lab.host, host)):
        with traffic.UdpPair(to, to_address, of, of_address) as pair:
            pair.send_segmented(SEGMENTED_CALLS, SEGMENTS, SEGMENT_LENGTH)
            assert pair.received() == SEGMENTED_CALLS * SEGMENTS


def pings(lab, host, peer):
    assert traffic.ping(lab.peer, host) == traffic.ping(lab.host, peer) == 5


def fragments(lab, host, peer):
    assert traffic.ping(lab.peer, host, length=4000) == traffic.ping(lab.host, peer, length=4000) == 5


SCENARIOS = [short_connections, refused_connections, bulk, datagrams, segmented_datagrams, pings, fragments]

by_family = pytest.mark.parametrize("family", FAMILIES)
by_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)


@pytest.fixture(scope="module", params=HOOKS)
def cable(request, tmp_path_factory):
    """A lab whose host counts at one of the hooks, for all tests of that hook."""
    with guarded_lab(request.param, tmp_path_factory.mktemp("cable"), "closed_timeout = 600\n") as (lab, guard):
        for device in (lab.device, lab.far):
            device.features(**UNMERGED)
        yield Cable(lab, guard, request.param)


@pytest.fixture(scope="session")
def double_tag(tmp_path_factory):
    return vlan.compile_pusher(tmp_path_factory.mktemp("vlan"), [(0x88a8, OUTER), (0x8100, INNER)])


class Counted(NamedTuple):
    """What the device and flowguard have counted of the same traffic."""
    device: Counters
    total: Counters
    flows: Counters
    non_ip: Counters


class Cable(NamedTuple):
    lab: Lab
    guard: Flowguard
    hook: str

    def count(self, act):
        """Starts from a settled state, as it ends."""
        before, counters = self.guard.interface(DEVICE), self.lab.device.quiet_counters()
        act()
        counters = self.lab.device.quiet_counters() - counters
        after = self.guard.settled(DEVICE)
        assert_accounted(after)
        return Counted(wire(self.hook, counters), sides(after) - sides(before),
                       *(part(after, name) - part(before, name) for name in ("flows", "non_ip")))

    def offload_tags(self, switch):
        for device in (self.lab.device, self.lab.far):
            device.features(**dict.fromkeys(vlan.RX_OFFLOADS + vlan.TX_OFFLOADS, switch))
        self.guard.settle()


def counts_of(device, act):
    """What the device has counted during act()."""
    before = device.quiet_counters()
    act()
    return device.quiet_counters() - before


def sum_of_flows(flows, host):
    """By direction: what is sent to one of the host's addresses is received."""
    received = sent = NOTHING
    for flow in flows:
        to_server = Volume(flow["flow"]["pkts_toserver"], flow["flow"]["bytes_toserver"])
        to_client = Volume(flow["flow"]["pkts_toclient"], flow["flow"]["bytes_toclient"])
        inwards = flow["dest_ip"] in host
        received += to_server if inwards else to_client
        sent += to_client if inwards else to_server
    return Counters(received, sent)


@by_family
@by_scenario
def test_totals_are_what_the_device_counts_and_what_flows_add_up_to(cable, scenario, family):
    counted = cable.count(lambda: scenario(cable.lab, *FAMILIES[family]))
    assert counted.total == counted.device
    assert counted.flows == counted.total, "all of it is IP, and fits"
    flows = cable.guard.flows() + cable.guard.flows("--ended")
    assert sum_of_flows(flows, {HOST_V4, HOST_V6}) == part(cable.guard.interface(DEVICE), "flows")


@by_family
@pytest.mark.parametrize("length", [1, 1000])
def test_a_udp_flow_shows_its_packets_and_bytes(cable, family, length):
    host, peer = FAMILIES[family]
    with traffic.UdpPair(cable.lab.host, host, cable.lab.peer, peer) as pair:
        pair.send(count=123, length=length)
        port = pair.port
    cable.guard.settle()
    [flow] = cable.guard.flows("--filter", f"udp and src port {port} and src host {peer}")  # ports come again
    assert (flow["src_ip"], flow["src_port"], flow["dest_ip"], flow["dest_port"]) == (peer, port, host, traffic.PORT)
    assert (flow["proto"], flow["flowguard"]["direction"]) == ("UDP", "in")
    assert flow["flow"]["pkts_toserver"] == 123
    assert flow["flow"]["bytes_toserver"] == 123 * (length + UDP_HEADERS[family])
    assert flow["flow"]["pkts_toclient"] == 0


def test_what_is_not_ip_is_counted_as_such(cable):
    question = frames.Ether(src=frames.PEER_MAC, dst="ff:ff:ff:ff:ff:ff") / frames.ARP(pdst="10.99.0.99")
    neighbours = frames.Ether(src=frames.PEER_MAC, dst="01:80:c2:00:00:0e", type=0x88cc) / frames.PAYLOAD
    counted = cable.count(lambda: frames.send(cable.lab.peer, [question, neighbours], copies=7))
    assert counted.non_ip.rx == counted.total.rx == counted.device.rx == frames.volume([question, neighbours], copies=7)
    assert counted.flows.rx == NOTHING


@pytest.mark.parametrize("offloads", ["on", "off"])
@pytest.mark.parametrize("tags", [[INNER], [OUTER, INNER]], ids=["VLAN", "QinQ"])
def test_tags_in_the_frame_are_counted_as_the_device_counts_them(cable, offloads, tags):
    cable.offload_tags(offloads)
    headers = [frames.Dot1AD(vlan=number) for number in tags[:-1]] + [frames.Dot1Q(vlan=tags[-1])]
    port = 1000 + 10 * len(tags) + (offloads == "on")
    payload = frames.UDP(sport=port, dport=9) / frames.PAYLOAD

    def both_ways():
        frames.send(cable.lab.peer, [frames.to_host(payload, tags=headers)], copies=10)
        frames.send(cable.lab.host, [frames.from_host(payload, tags=headers)], copies=10)

    counted = cable.count(both_ways)
    expected = counted.device
    if cable.hook in ("tcx", "clsact") and offloads == "on":
        # veth says that it takes tags off, but counts them, and the kernel takes them off before tc: nobody can tell.
        expected = expected._replace(rx=expected.rx - Volume(0, TAG * expected.rx.packets))
    assert counted.total == expected
    tagged = [flow["vlan"] for flow in cable.guard.flows() if flow.get("src_port") == port]
    assert tagged == [tags, tags]


@pytest.mark.parametrize("offloads", ["on", "off"])
def test_tags_beside_the_frame_are_counted_as_the_device_counts_them(cable, offloads, double_tag):
    if cable.hook == "xdp-generic":
        pytest.skip("the kernel keeps generic XDP away from what another program has redirected")
    cable.offload_tags(offloads)
    port = 2000 + (offloads == "on")
    payload = frames.UDP(sport=port, dport=9) / frames.PAYLOAD

    def both_ways():
        for namespace, frame in ((cable.lab.peer, frames.to_host(payload)),
                                 (cable.lab.host, frames.from_host(payload))):
            with vlan.pusher(namespace, double_tag) as entry:
                frames.send(namespace, [frame], device=entry, copies=10)
                cable.lab.device.quiet_counters()

    counted = cable.count(both_ways)
    assert counted.total == counted.device
    tagged = [flow["vlan"] for flow in cable.guard.flows() if flow.get("src_port") == port]
    # Native XDP does not see the tag that is beside the frame.
    seen = [INNER] if cable.hook == "xdp-native" and offloads == "on" else [OUTER, INNER]
    assert sorted(tagged) == sorted([seen, [OUTER, INNER]])


@pytest.mark.parametrize("offloads", ["on", "off"])
def test_a_vlan_device_on_top_changes_nothing(cable, offloads):
    ends = ((cable.lab.host, "10.98.0.1"), (cable.lab.peer, "10.98.0.2"))
    for namespace, address in ends:
        if not namespace.add_link("link", DEVICE, "name", "tagged", "type", "vlan", "id", INNER):
            pytest.skip("this kernel has no VLAN devices")
        namespace.ip_batch(["link set tagged addrgenmode none", "link set tagged up",
                            f"address add {address}/24 dev tagged"])
    cable.offload_tags(offloads)
    counted = cable.count(lambda: bulk(cable.lab, "10.98.0.1", "10.98.0.2"))
    for namespace, _ in ends:
        namespace.ip("link", "delete", "tagged")
    assert counted.total == counted.device


@by_family
@pytest.mark.parametrize("hook", ["xdp-native", TC])
def test_both_ends_of_a_cable_agree_though_the_kernel_segments_late(lab, guard, new_guard, hook, family):
    for device in (lab.device, lab.far):
        device.features(tso="on", gso="on")
    far_guard = new_guard(lab.peer, guard.config)
    attach(lab, guard, hook)
    far_guard.attach(DEVICE, mode="off")
    bulk(lab, *FAMILIES[family])
    segmented_datagrams(lab, *FAMILIES[family])
    lab.device.quiet_counters()
    near, far = guard.settled(DEVICE), far_guard.settled(DEVICE)
    assert_accounted(near)
    assert_accounted(far)
    assert sides(near) == Counters(rx=sides(far).tx, tx=sides(far).rx)


@by_family
def test_segmented_datagrams_are_counted_as_the_frames_that_they_become(lab, guard, family):
    lab.device.features(gso="on", **{"tx-udp-segmentation": "on"})
    attach(lab, guard, TC)
    segmented_datagrams(lab, *FAMILIES[family])
    packets = SEGMENTED_CALLS * SEGMENTS
    volume = Volume(packets, packets * (SEGMENT_LENGTH + UDP_HEADERS[family]))
    assert sides(guard.settled(DEVICE)) == Counters(volume, volume)


@by_family
def test_what_gro_has_merged_is_counted_as_the_frames_that_came(lab, guard, family):
    for device in (lab.device, lab.far):
        device.features(**UNMERGED)
    lab.device.features(gro="on")
    attach(lab, guard, TC)
    counted = counts_of(lab.device, lambda: bulk(lab, *FAMILIES[family]))
    interface = guard.settled(DEVICE)
    assert_accounted(interface)
    # With GRO, veth polls as it does with native XDP.
    assert sides(interface) == counted.with_link_header()


@by_family
@pytest.mark.parametrize("hook", ["xdp-native", "xdp-generic", TC])
def test_jumbo_frames_are_counted_whole(lab, guard, hook, family):
    host, peer = FAMILIES[family]
    for device in (lab.device, lab.far):
        device.set("mtu", 9000)
        device.features(**UNMERGED)
    attach(lab, guard, hook)

    def large_packets():
        assert traffic.ping(lab.peer, host, length=8000) == traffic.ping(lab.host, peer, length=8000) == 5
        bulk(lab, host, peer)

    counted = counts_of(lab.device, large_packets)
    interface = guard.settled(DEVICE)
    assert_accounted(interface)
    assert sides(interface) == wire(hook, counted)


@by_family
def test_generic_xdp_counts_merged_packets_as_the_device_does_and_attach_says_so(lab, guard, family):
    for device in (lab.device, lab.far):
        device.features(tso="on", gso="on")
    answer = guard.attach(DEVICE, mode="generic")
    assert "GRO" in answer["interfaces"][0]["note"]
    counted = counts_of(lab.device, lambda: bulk(lab, *FAMILIES[family]))
    interface = guard.settled(DEVICE)
    assert_accounted(interface)
    assert sides(interface).rx == counted.rx


@pytest.mark.parametrize("hook", HOOKS)
def test_what_finds_no_room_is_counted_as_overflow_and_named(lab, new_guard, config, hook):
    guard = new_guard(config=config("tick_ms = 500\ncapacity = 64\n"))
    attach(lab, guard, hook)
    flood = [frames.to_host(frames.UDP(sport=port, dport=9) / frames.PAYLOAD) for port in range(1000, 2000)]
    sent = frames.send(lab.peer, flood)
    interface = guard.settled(DEVICE)
    assert_accounted(interface)
    assert sides(interface).rx == sent
    assert part(interface, "overflow").rx.packets > 0
    assert sum(interface["losses"].values()) == sum(side.packets for side in part(interface, "overflow"))


def test_flows_that_have_ended_keep_their_counts(lab, new_guard, config):
    guard = new_guard(config=config("tick_ms = 100\nclosed_timeout = 1\n"))
    attach(lab, guard, "xdp-native")
    short_connections(lab, HOST_V4, PEER_V4)
    total = sides(guard.settled(DEVICE))
    until(lambda: not guard.flows(), what="the end of all flows")
    ended = guard.flows("--ended")
    assert {flow["flow"]["reason"] for flow in ended} == {"fin"}
    assert sum_of_flows(ended, {HOST_V4}) == total
