# SPDX-License-Identifier: Apache-2.0
"""Devices that come, go and change while they are guarded, and devices of every kind."""
import pytest

from fglab import foreign, frames, traffic
from fglab.device import Device, Volume
from fglab.flowguard import part, sides
from fglab.lab import DEVICE
from fglab.traces import Traces
from fglab.tun import FAR_V4, FAR_V6, V4, V6, Tun
from fglab.wait import until

UDP = frames.UDP(sport=5000, dport=9) / frames.PAYLOAD
COPIES = 25


def send_some(lab):
    return frames.send(lab.peer, [frames.to_host(UDP)], copies=COPIES)


@pytest.fixture
def traces(lab):
    return Traces(lab)


@pytest.fixture
def tun(lab):
    tun = Tun(lab.host)
    yield tun
    tun.close()


class TestDeviceThatChanges:
    def test_gone_and_back_is_attached_again_and_totals_go_on(self, lab, guard):
        guard.attach(DEVICE)
        sent = send_some(lab)
        guard.settle()
        lab.unplug()
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] == "off", what="a device that is gone")
        gone = guard.interface(DEVICE)
        assert "gone" in gone["note"]
        assert sides(gone).rx == sent
        lab.plug()
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] == "xdp-native", within_s=3, what="another attach")
        before = sides(guard.settled(DEVICE)).rx
        sent_again = send_some(lab)
        interface = guard.settled(DEVICE)
        assert sides(interface).rx - before == sent_again
        assert before.packets >= sent.packets
        assert interface["accounted"] == 1.0

    def test_gone_for_good_leaves_no_trace_after_detach(self, lab, guard, traces):
        guard.attach(DEVICE)
        lab.unplug()
        guard.settle()
        assert guard.detach()["interfaces"] == [DEVICE]
        traces.check(guard)

    def test_gone_while_no_daemon_lived_leaves_no_trace_after_detach(self, lab, guard, traces):
        guard.attach(DEVICE)
        guard.kill_daemon()
        lab.unplug()
        guard.detach()
        traces.check(guard)

    def test_replaced_while_no_daemon_lived_is_attached_again(self, lab, guard):
        guard.attach(DEVICE)
        guard.kill_daemon()
        lab.unplug()
        lab.plug()
        guard.attach(DEVICE)
        until(lambda: foreign.xdp_program(lab.device), what="another attach")
        before = sides(guard.settled(DEVICE)).rx
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx - before == sent

    def test_renamed_is_followed(self, lab, guard):
        guard.attach(DEVICE)
        sent = send_some(lab)
        guard.settle()
        lab.host.ip("link", "set", DEVICE, "down")
        lab.host.ip("link", "set", DEVICE, "name", "uplink")
        until(lambda: [each["name"] for each in guard.status()["interfaces"]] == ["uplink"], what="the new name")
        assert sides(guard.interface("uplink")).rx == sent
        assert guard.detach("uplink")["interfaces"] == ["uplink"]

    def test_lent_to_another_namespace_is_attached_again_when_it_is_back(self, lab, guard):
        guard.attach(DEVICE)
        lab.host.ip("link", "set", DEVICE, "netns", lab.peer.name, "name", "lent")
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] == "off", what="a device that is gone")
        lab.peer.ip("link", "set", "lent", "netns", lab.host.name, "name", DEVICE)
        lab.device.set("up")
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] == "xdp-native", within_s=3, what="another attach")
        before = sides(guard.settled(DEVICE)).rx
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx - before == sent

    def test_program_taken_off_by_somebody_is_attached_again(self, lab, guard):
        guard.attach(DEVICE)
        lab.host.run("bpftool", "link", "detach", "pinned", guard.pins / "link_0_ingress")
        until(lambda: foreign.xdp_program(lab.device), within_s=3, what="another attach")
        before = sides(guard.settled(DEVICE)).rx
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx - before == sent


class TestOtherDevices:
    @pytest.mark.parametrize("mode", ["auto", "generic", "off"])
    def test_tun_has_no_ethernet_header_and_is_counted_exactly(self, lab, guard, tun, mode):
        before = tun.device.quiet_counters()
        guard.attach("tun0", mode=mode)
        sent = [frames.IP(src=FAR_V4, dst=V4) / UDP, frames.IPv6(src=FAR_V6, dst=V6) / UDP]
        tun.send(sent)
        for address in (FAR_V4, FAR_V6):
            with lab.host.socket(traffic.family_of(address), traffic.socket.SOCK_DGRAM) as sender:
                sender.sendto(b"flowguard", (address, 9))
        until(lambda: len(tun.receive()) >= 2, what="packets from the host")
        counted = tun.device.quiet_counters() - before
        interface = guard.settled("tun0")
        assert sides(interface) == counted
        assert sides(interface).rx == frames.volume(sent)
        assert part(interface, "flows") == counted, "all of it is IP"
        assert {FAR_V4, FAR_V6} <= {flow["src_ip"] for flow in guard.flows()}

    def test_a_source_is_blocked_on_tun(self, guard, tun):
        guard.attach("tun0")
        guard.do("block", FAR_V4)
        tun.send([frames.IP(src=FAR_V4, dst=V4) / UDP] * COPIES)
        assert guard.settled("tun0")["rx"]["dropped_packets"] == COPIES

    def test_loopback_is_counted_exactly_and_its_flows_once(self, lab, guard):
        loopback = Device(lab.host, "lo")
        loopback.features(tso="off", gso="off", gro="off")
        before = loopback.quiet_counters()
        guard.attach("lo")
        with traffic.tcp_server(lab.host, "127.0.0.1", answer=bytes(1000)):
            traffic.tcp_send(lab.host, "127.0.0.1", bytes(300_000))
        counted = loopback.quiet_counters() - before
        interface = guard.settled("lo")
        assert interface["accounted"] == 1.0
        assert [side.packets for side in sides(interface)] == [side.packets for side in counted]
        assert sides(interface).rx == sides(interface).tx
        [flow] = guard.flows()
        assert flow["flow"]["pkts_toserver"] + flow["flow"]["pkts_toclient"] == counted.rx.packets

    def test_dummy_is_counted(self, lab, guard):
        if not lab.host.add_link("dummy0", "type", "dummy"):
            pytest.skip("this kernel has no dummy devices")
        lab.host.ip_batch(["link set dummy0 addrgenmode none", "link set dummy0 up",
                           "address add 10.96.0.1/24 dev dummy0",
                           "neighbour add 10.96.0.2 lladdr 02:00:00:00:00:09 dev dummy0 nud permanent"])
        guard.attach("dummy0")
        with lab.host.socket(traffic.socket.AF_INET, traffic.socket.SOCK_DGRAM) as sender:
            sender.sendto(b"flowguard", ("10.96.0.2", 9))
        assert sides(guard.settled("dummy0")).tx == Volume(1, 14 + 20 + 8 + 9)

    def test_wireguard_has_no_ethernet_header_and_is_counted(self, lab, guard):
        if not lab.host.add_link("wg0", "type", "wireguard"):
            pytest.skip("this kernel has no WireGuard")
        lab.host.ip_batch(["link set wg0 up", "address add 10.95.0.1/24 dev wg0"])
        assert guard.attach("wg0")["interfaces"][0]["name"] == "wg0"

    def test_a_bridge_is_counted_exactly(self, lab, guard):
        lab.host.ip_batch(["link add bridge0 type bridge mcast_snooping 0", "link set bridge0 addrgenmode none",
                           f"link set {DEVICE} master bridge0", "link set bridge0 up",
                           "address add 10.94.0.1/24 dev bridge0"])
        lab.peer.ip_batch([f"address add 10.94.0.2/24 dev {DEVICE}"])
        assert traffic.ping(lab.peer, "10.94.0.1", count=1) == 1
        bridge = Device(lab.host, "bridge0")
        before = bridge.quiet_counters()
        guard.attach("bridge0")
        assert traffic.ping(lab.peer, "10.94.0.1", count=COPIES) == COPIES
        counted = bridge.quiet_counters() - before
        assert sides(guard.settled("bridge0")) == counted.with_link_header()
        [flow] = guard.flows("--filter", "icmp")
        assert flow["flow"]["pkts_toserver"] == flow["flow"]["pkts_toclient"] == COPIES
