# SPDX-License-Identifier: Apache-2.0
"""Tunnels: with the switch on, the flow inside is what is counted, at every hook; without it, the tunnel."""
import pytest

from fglab import frames, traffic
from fglab.device import UNMERGED, wire
from fglab.flowguard import FAILED, assert_accounted, sides
from fglab.frames import GRE, IP, UDP, VXLAN, Ether, IPv6, PPPoE, PPP
from fglab.lab import DEVICE, HOST_MAC, HOST_V4, PEER_MAC, PEER_V4, PEER_V6
from fglab.wait import until
from fixtures import HOOKS, guarded_lab

INNER_V4, INNER_V6 = ("172.30.0.2", "172.30.0.1"), ("fd30::2", "fd30::1")
PAYLOAD = UDP(sport=5000, dport=9) / frames.PAYLOAD
V4 = IP(src=INNER_V4[0], dst=INNER_V4[1]) / PAYLOAD
V6 = IPv6(src=INNER_V6[0], dst=INNER_V6[1]) / PAYLOAD
TO_VXLAN = UDP(sport=50000, dport=4789) / VXLAN(vni=7, flags="Instance")
FRAME = Ether(src=PEER_MAC, dst=HOST_MAC)
PPPOE = FRAME / PPPoE(sessionid=1)
COPIES = 25

TUNNELS = {  # what: (frame, inner addresses, protocol outside or None where it has no IP)
    "VXLAN": (frames.to_host(TO_VXLAN / FRAME / V4), INNER_V4, "UDP"),
    "VXLAN, IPv6 inside": (frames.to_host(TO_VXLAN / FRAME / V6), INNER_V6, "UDP"),
    "GRE": (frames.to_host(GRE() / V4), INNER_V4, "GRE"),
    "GRE with key and sequence": (frames.to_host(GRE(key_present=1, seqnum_present=1) / V6), INNER_V6, "GRE"),
    "GRE of frames": (frames.to_host(GRE(proto=0x6558) / FRAME / V4), INNER_V4, "GRE"),
    "IP in IP": (frames.to_host(V4), INNER_V4, "IPV4"),
    "IPv6 in IPv4": (frames.to_host(V6), INNER_V6, "IPV6"),
    "IPv4 in IPv6": (frames.to_host(V4, PEER_V6), INNER_V4, "IPV4"),
    "PPPoE": (PPPOE / PPP(proto=0x0021) / V4, INNER_V4, None),
    "PPPoE, IPv6": (PPPOE / PPP(proto=0x0057) / V6, INNER_V6, None),
    "VXLAN in IP in IP": (frames.to_host(IP(src="10.1.1.1", dst="10.1.1.2") / TO_VXLAN / FRAME / V4), INNER_V4, "IPV4"),
}


@pytest.fixture(scope="module", params=HOOKS)
def tunneled(request, tmp_path_factory):
    with guarded_lab(request.param, tmp_path_factory.mktemp("tunnels"), "tunnels = true\n") as (lab, guard):
        yield lab, guard


@pytest.fixture
def vxlan(lab):
    """A VXLAN between host and peer, whose ends know each other."""
    for namespace, here, there, inner, other in ((lab.host, HOST_V4, PEER_V4, INNER_V4[1], INNER_V4[0]),
                                                 (lab.peer, PEER_V4, HOST_V4, INNER_V4[0], INNER_V4[1])):
        if not namespace.add_link("vxlan0", "type", "vxlan", "id", "7", "dstport", "4789", "local", here, "remote",
                                  there, "dev", DEVICE):
            pytest.skip("this kernel has no VXLAN devices")
        mac = {HOST_V4: "02:00:00:00:07:01", PEER_V4: "02:00:00:00:07:02"}
        namespace.ip_batch([f"link set vxlan0 address {mac[here]} addrgenmode none", "link set vxlan0 up",
                            f"address add {inner}/24 dev vxlan0",
                            f"neighbour replace {other} lladdr {mac[there]} dev vxlan0 nud permanent"])
    return lab


def flow_between(guard, source):
    return [flow for flow in guard.flows() if flow["src_ip"] == source and flow.get("dest_port") == 9]


class TestEveryHook:
    @pytest.mark.parametrize("tunnel", TUNNELS)
    def test_the_inner_flow_is_counted_once(self, tunneled, tunnel):
        frame, inner, _ = TUNNELS[tunnel]
        lab, guard = tunneled
        was = flow_between(guard, inner[0])
        before = guard.settled(DEVICE)
        sent = frames.send(lab.peer, [frame], copies=COPIES)
        interface = guard.settled(DEVICE)
        assert sides(interface).rx - sides(before).rx == sent
        assert_accounted(interface)
        [flow] = flow_between(guard, inner[0])
        assert (flow["src_ip"], flow["dest_ip"], flow["dest_port"]) == (*inner, 9)
        assert flow["flowguard"]["tunneled"] is True
        counted = [sum(each["flow"][f"{what}_toserver"] for each in flows)
                   for flows in (was, [flow]) for what in ("pkts", "bytes")]
        assert (counted[2] - counted[0], counted[3] - counted[1]) == sent

    def test_a_block_of_an_inner_address_drops(self, tunneled):
        lab, guard = tunneled
        guard.do("block", INNER_V4[0], "--in")
        before = guard.settled(DEVICE)["rx"]["dropped_packets"]
        frames.send(lab.peer, [TUNNELS["VXLAN"][0], TUNNELS["PPPoE"][0]], copies=COPIES)
        frames.send(lab.peer, [TUNNELS["IPv6 in IPv4"][0]], copies=COPIES)
        dropped = guard.settled(DEVICE)["rx"]["dropped_packets"] - before
        guard.do("unblock", INNER_V4[0])
        assert dropped == 2 * COPIES


class TestSwitch:
    def test_off_by_default(self, lab, guard):
        [interface] = guard.attach(DEVICE)["interfaces"]
        assert interface["tunnels"] is False
        frames.send(lab.peer, [frame for frame, _, _ in TUNNELS.values()])
        guard.settle()
        assert not any("tunneled" in flow["flowguard"] for flow in guard.flows())
        outside = {flow["proto"] for flow in guard.flows() if flow["src_ip"] in (PEER_V4, PEER_V6)}
        assert outside == {proto for _, _, proto in TUNNELS.values() if proto}
        assert guard.interface(DEVICE)["non_ip"]["rx_packets"] == 2, "PPPoE"

    def test_attach_turns_it_on_and_status_shows_it(self, guard):
        [interface] = guard.ask("attach", DEVICE, "--tunnels")["interfaces"]
        assert interface["tunnels"] is True
        assert guard.interface(DEVICE)["tunnels"] is True
        assert f"{DEVICE}: flows inside tunnels are counted" in guard.do("status", "--verbose")

    def test_the_command_line_overrides_the_configuration(self, new_guard, config):
        guard = new_guard(config=config("tunnels = true\n"))
        assert guard.ask("attach", DEVICE, "--no-tunnels")["interfaces"][0]["tunnels"] is False

    @pytest.mark.parametrize("first, second", [([], "--tunnels"), (["--tunnels"], "--no-tunnels")])
    def test_another_value_is_refused_and_changes_nothing(self, guard, first, second):
        before = guard.ask("attach", DEVICE, *first)["interfaces"]
        assert f"'flowguard detach {DEVICE}' first" in guard.fails(FAILED, "attach", DEVICE, second)
        assert guard.ask("attach", DEVICE) == {"changed": False, "interfaces": before}

    def test_it_is_remembered_when_the_device_comes_back(self, lab, guard):
        guard.ask("attach", DEVICE, "--tunnels")
        lab.unplug()
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] == "off", what="a device that is gone")
        lab.plug()
        until(lambda: guard.interface(DEVICE)["ingress"]["hook"] != "off", within_s=3, what="another attach")
        frames.send(lab.peer, [TUNNELS["GRE"][0]])
        guard.settle()
        assert guard.interface(DEVICE)["tunnels"] is True
        assert flow_between(guard, INNER_V4[0])

    def test_it_is_remembered_without_a_daemon(self, lab, guard):
        guard.ask("attach", DEVICE, "--tunnels")
        guard.kill_daemon()
        frames.send(lab.peer, [TUNNELS["GRE"][0]])
        assert guard.attach(DEVICE)["interfaces"][0]["tunnels"] is True
        guard.settle()
        assert flow_between(guard, INNER_V4[0])


class TestRealVxlan:
    def test_what_goes_through_it_is_counted_as_itself(self, vxlan, guard):
        for device in (vxlan.device, vxlan.far):
            device.features(**UNMERGED)
        before = vxlan.device.quiet_counters()
        guard.ask("attach", DEVICE, "--tunnels")
        assert traffic.ping(vxlan.peer, INNER_V4[1], count=COPIES) == COPIES
        with traffic.tcp_server(vxlan.host, INNER_V4[1], answer=bytes(50_000)):
            traffic.tcp_send(vxlan.peer, INNER_V4[1], bytes(50_000))
        interface = guard.settled(DEVICE)
        counted = vxlan.device.quiet_counters() - before
        assert sides(interface) == wire("xdp-native", counted)
        assert_accounted(interface)
        [ping] = guard.flows("--filter", "icmp")
        assert ping["flow"]["pkts_toserver"] == ping["flow"]["pkts_toclient"] == COPIES
        [connection] = guard.flows("--filter", "tcp")
        assert connection["tcp"]["syn"] is connection["tcp"]["fin"] is True
        for flow in (ping, connection):
            assert (flow["src_ip"], flow["dest_ip"]) == INNER_V4
            assert flow["flowguard"]["tunneled"] is True
        assert not guard.flows("--filter", "udp")
