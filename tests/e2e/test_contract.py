# SPDX-License-Identifier: Apache-2.0
"""Every --json answer has the names and types that scripts rely on."""
import base64
import hashlib
import itertools
import json
import socket
import struct

import contract
import pytest

from fglab import frames, traffic
from fglab.lab import DEVICE, HOST_V4, HOST_V6, PEER_V4, PEER_V6
from fixtures import guarded_lab

UDP = 17
VIEWS = ["flow", "remote", "local", "service"]
SORTS = ["rate", "bytes", "packets", "start"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A guard that has seen some of everything, and keeps it for as long as a slow machine takes to ask."""
    kept = "closed_timeout = 600\nidle_timeout = 600\n"
    with guarded_lab("xdp-native", tmp_path_factory.mktemp("busy"), kept) as (lab, guard):
        for host, peer in ((HOST_V4, PEER_V4), (HOST_V6, PEER_V6)):
            with traffic.tcp_server(lab.host, host, answer=bytes(1000)):
                traffic.tcp_send(lab.peer, host, bytes(1000), source=peer)
            with traffic.UdpPair(lab.peer, peer, lab.host, host) as pair:
                pair.send(10)
            traffic.ping(lab.peer, host, count=2, length=3000, source=peer)
        frames.send(lab.peer, [frames.to_host(frames.PAYLOAD, tags=[frames.Dot1Q(vlan=100)]),
                               frames.to_host(frames.ICMP(type=13) / frames.PAYLOAD)])
        guard.do("block", "192.0.2.7", "--for", "1h", "--reason", "scan", "--in")
        guard.do("block", "2001:db8::7")
        guard.settle()
        yield guard


@pytest.fixture(scope="module")
def flows(busy):
    return busy.flows()


@pytest.mark.parametrize("command, shape", [
    (["version"], contract.VERSION),
    (["attach", DEVICE], contract.ATTACH),
    (["attach", DEVICE, "lo", "--dry-run"], contract.ATTACH),
    (["detach", "--dry-run"], contract.DETACH),
    (["detach", "lo"], contract.DETACH),
    (["status"], contract.STATUS),
    (["status", "--verbose"], contract.STATUS),
    (["block", "192.0.2.8", "--dry-run"], contract.BLOCK),
    (["block", "192.0.2.7", "--in", "--for", "1h"], contract.BLOCK),
    (["unblock", "192.0.2.7", "--dry-run"], contract.UNBLOCK),
    (["unblock", "192.0.2.9"], contract.UNBLOCK),
    (["unblock", "4711"], contract.UNBLOCK),
    (["blocks"], contract.BLOCKS),
    (["block", "any", "--port", "23", "--dry-run"], contract.RULE_ADDED),
    (["allow", "192.0.2.77"], contract.RULE_ADDED),
    (["allow"], contract.RULES),
    (["limit", "--service", "tcp/22", "--rate", "10/s", "--new-connections", "--for", "1h"], contract.RULE_ADDED),
    (["limit", "--remove", "udp/9", "--dry-run"], contract.RULES_REMOVED),
    (["limit"], contract.RULES),
    (["rules"], contract.RULES),
    (["rules", "--export", "nft"], {"format": contract.only("nft"), "text": contract.text}),
], ids=lambda part: " ".join(part) if isinstance(part, list) else "")
def test_answers_are_as_promised(busy, command, shape):
    contract.check(busy.ask(*command), shape)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sort", SORTS)
def test_top_is_as_promised_and_sorted(busy, view, sort):
    document = busy.ask("top", "--once", "--by", view, "--sort", sort, "-n", "0")
    contract.check(document, contract.top(view))
    assert document["sort"] == sort
    assert len(document["rows"]) == document["matching"] > 0
    rank = {"rate": lambda row: row["rx_bps"]["10s"] + row["tx_bps"]["10s"], "bytes": lambda row: row["bytes"],
            "packets": lambda row: row["packets"], "start": lambda row: row["start"]}[sort]
    ranks = [rank(row) for row in document["rows"]]
    assert ranks == sorted(ranks, reverse=True)


def test_top_streams_one_document_per_tick(busy):
    stream = busy.start("top", "--json")
    try:
        documents = [json.loads(line) for line in itertools.islice(stream.stdout, 4)]
    finally:
        stream.terminate()
    for document in documents:
        contract.check(document, contract.top("flow"))
    ticks = [document["tick"] for document in documents]
    assert ticks == list(range(ticks[0], ticks[0] + 4))


def test_flows_are_json_lines_as_promised(flows):
    assert len(flows) >= 9
    for flow in flows:
        contract.check(flow, contract.FLOW)
    assert len({flow["flow_id"] for flow in flows}) == len(flows)


@pytest.mark.parametrize("host, peer, icmp", [pytest.param(HOST_V4, PEER_V4, "ICMP", id="IPv4"),
                                              pytest.param(HOST_V6, PEER_V6, "IPV6-ICMP", id="IPv6")])
def test_flows_say_who_is_the_client(flows, host, peer, icmp):
    between = [flow for flow in flows if {flow["src_ip"], flow["dest_ip"]} == {host, peer} and "vlan" not in flow]
    [tcp] = [flow for flow in between if flow["proto"] == "TCP"]
    assert (tcp["dest_ip"], tcp["dest_port"], tcp["flowguard"]["direction"]) == (host, traffic.PORT, "in")
    assert (tcp["flow"]["state"], tcp["flow"]["reason"]) == ("closed", "fin")
    assert tcp["tcp"] == tcp["tcp"] | {"syn": True, "fin": True, "rst": False}
    [udp] = [flow for flow in between if flow["proto"] == "UDP"]
    assert (udp["dest_ip"], udp["dest_port"], udp["flowguard"]["direction"]) == (peer, traffic.PORT, "out")
    echo = [flow for flow in between if flow["proto"] == icmp and flow.get("icmp_type") in (8, 128)]
    assert [(flow["src_ip"], flow["icmp_code"], flow["flow"]["pkts_toserver"]) for flow in echo] == [(peer, 0, 2)]
    later = [flow for flow in between if flow["proto"] == icmp and "icmp_type" not in flow]
    assert [flow["flow"]["pkts_toserver"] for flow in later] == [4], "two later fragments for each of two pings"


def test_fields_that_do_not_apply_are_left_out(flows):
    for flow in flows:
        with_ports = flow["proto"] in ("TCP", "UDP")
        assert ("src_port" in flow) == ("dest_port" in flow) == with_ports
        assert ("tcp" in flow) == (flow["proto"] == "TCP")
        assert "icmp_type" not in flow or "ICMP" in flow["proto"]
    assert [flow["vlan"] for flow in flows if "vlan" in flow] == [[100]]


def test_the_community_id_is_the_published_one(flows):
    """Computed apart: version 1, seed 0, of the Community ID specification."""
    flow = next(flow for flow in flows if flow["proto"] == "UDP" and ":" not in flow["src_ip"])
    ends = (socket.inet_aton(flow[f"{end}_ip"]) + struct.pack("!H", flow[f"{end}_port"]) for end in ("src", "dest"))
    low, high = sorted(ends)
    digest = hashlib.sha1(bytes(2) + low[:4] + high[:4] + bytes([UDP, 0]) + low[4:] + high[4:]).digest()
    assert flow["community_id"] == "1:" + base64.b64encode(digest).decode()


@pytest.mark.parametrize("expression, matches", [
    ("tcp", lambda flow: flow["proto"] == "TCP"),
    ("udp and ip6", lambda flow: flow["proto"] == "UDP" and ":" in flow["src_ip"]),
    (f"dst port {traffic.PORT}", lambda flow: flow.get("dest_port") == traffic.PORT),
    (f"src host {PEER_V4} and not icmp",
     lambda flow: flow["src_ip"] == PEER_V4 and flow["proto"] != "ICMP" and "vlan" not in flow),
    ("net 10.0.0.0/8 and tcp", lambda flow: flow["src_ip"].startswith("10.") and flow["proto"] == "TCP"),
    ("vlan 100", lambda flow: flow.get("vlan") == [100]),
    ("port 1", lambda flow: False),
])
def test_a_filter_selects_flows(busy, flows, expression, matches):
    wanted = {flow["flow_id"] for flow in flows if matches(flow)}
    assert {flow["flow_id"] for flow in busy.flows("--filter", expression)} == wanted
    assert busy.ask("top", "--once", "--filter", expression)["matching"] == len(wanted)


@pytest.mark.parametrize("sort, rank", [
    ("bytes", lambda flow: flow["flow"]["bytes_toserver"] + flow["flow"]["bytes_toclient"]),
    ("packets", lambda flow: flow["flow"]["pkts_toserver"] + flow["flow"]["pkts_toclient"]),
    ("start", lambda flow: flow["flow"]["start"]),
])
def test_flows_are_sorted_and_cut_off(busy, sort, rank):
    everything = busy.flows("--sort", sort)
    assert [rank(flow) for flow in everything] == sorted(map(rank, everything), reverse=True)
    assert [rank(flow) for flow in busy.flows("--sort", sort, "-n", "2")] == [rank(flow) for flow in everything[:2]]


def test_blocks_show_what_was_asked_for(busy):
    first, second = busy.ask("blocks")["blocks"]
    assert (first["target"], first["directions"], first["reason"], first["uid"]) == ("192.0.2.7", "in", "scan", 0)
    assert 3500 < first["remaining_s"] <= 3600
    assert (second["target"], second["directions"]) == ("2001:db8::7", "both")
    assert "expires" not in second and "remaining_s" not in second
    assert first["id"] != second["id"]


@pytest.mark.parametrize("arguments, words", [
    (["status"], [DEVICE, "xdp-native", "100"]),
    (["flows"], ["PROTO", "TCP", PEER_V4]),
    (["flows", "--ended"], ["PROTO"]),
    (["top", "--once"], [HOST_V4]),
    (["top", "--by", "service"], [f"tcp/{traffic.PORT}"]),
    (["blocks"], ["192.0.2.7", "scan"]),
    (["rules"], ["ID", "PRIORITY", "blocked, at priority 200"]),
    (["rules", "--export", "iptables"], ["*raw", "-s 192.0.2.7", "COMMIT"]),
    (["version"], ["0."]),
])
def test_people_get_a_table(busy, arguments, words):
    shown = busy.do(*arguments)
    assert all(word in shown for word in words), shown
    assert "\x1b" not in shown, "no colour where there is no terminal"


@pytest.mark.parametrize("arguments", [["status"], ["attach", DEVICE], ["blocks"]])
def test_quiet_prints_nothing(busy, arguments):
    assert busy.do("--quiet", *arguments) == ""
