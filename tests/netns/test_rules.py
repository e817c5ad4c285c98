# SPDX-License-Identifier: Apache-2.0
"""Rules from the command line: what they drop, in which order, with and without a daemon, and as nftables has them."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from fglab import frames, traffic
from fglab.flowguard import DONE, FAILED, REFUSED, USAGE
from fglab.frames import from_host, to_host
from fglab.lab import DEVICE, HOST_V4, HOST_V6, OTHER_V4, PEER_V4, PEER_V6
from fglab.wait import until
from fixtures import HOOKS, attach

PORT = 8080


@pytest.fixture(params=HOOKS)
def guarded(request, lab, new_guard):
    guard = new_guard()
    attach(lab, guard, request.param)
    return guard


@pytest.fixture
def watching(default_guard):
    default_guard.attach(DEVICE)
    return default_guard


def rules(guard, action=None):
    return [each for each in guard.ask("rules")["rules"] if action in (None, each["action"])]


def dropped(guard):
    return guard.status()["interfaces"][0]["rx"]["dropped_packets"]


def udp(port, source=PEER_V4):
    return to_host(frames.UDP(sport=5000, dport=port) / frames.PAYLOAD, source)


def test_a_port_is_blocked_for_one_and_for_all(lab, guarded):
    guarded.do("block", PEER_V4, "--proto", "udp", "--port", 9)
    guarded.do("block", "any", "--in", "--port", "100-200")
    sent = [udp(9), udp(9, OTHER_V4), udp(99), udp(100), udp(200, OTHER_V4), udp(201), udp(150, PEER_V6), udp(9, PEER_V6)]
    for frame in sent:
        frames.send(lab.peer, [frame])
    guarded.settle()
    assert dropped(guarded) == 4
    first, second = rules(guarded, "block")
    assert (first["text"], first["dropped_packets"]) == (f"udp with {PEER_V4} to port 9", 1)
    assert (second["text"], second["dropped_packets"]) == ("in to port 100-200", 3)
    assert [each["id"] for each in guarded.ask("blocks")["blocks"]] == [first["id"], second["id"]]
    assert guarded.status()["policy"] == {"blocks": 2, "allows": 0, "limits": 0}
    guarded.do("unblock", first["id"])
    assert json.loads(guarded.do("--json", "unblock", "any"))["changed"]
    assert rules(guarded) == []


def test_what_goes_out_is_judged_too(lab, guarded):
    guarded.do("block", "any", "--out", "--proto", "icmp", "--icmp-type", "0")
    assert traffic.ping(lab.peer, HOST_V4, count=3, wait_s=0.3) == 0
    guarded.do("unblock", "any")
    assert traffic.ping(lab.peer, HOST_V4, count=3) == 3


def test_what_is_allowed_is_never_blocked(lab, watching):
    watching.do("block", "10.0.0.0/8", "--force")
    assert traffic.ping(lab.peer, HOST_V4, count=2, wait_s=0.3) == 0
    assert watching.do("allow", PEER_V4) == f"allowed with {PEER_V4}\n"
    assert watching.do("allow", PEER_V4) == f"already allowed: with {PEER_V4}\n"
    assert traffic.ping(lab.peer, HOST_V4, count=2) == 2
    assert PEER_V4 in watching.do("allow")
    watching.do("allow", "--remove", PEER_V4)
    assert traffic.ping(lab.peer, HOST_V4, count=2, wait_s=0.3) == 0


def test_a_limit_keeps_a_rate(lab, watching):
    watching.do("limit", "--service", f"udp/{PORT}", "--rate", "100/s", "--burst", 20)
    [limit] = rules(watching, "limit")
    assert (limit["rate"], limit["burst"], limit["per"], limit["unit"]) == ("100/s", 20, "source", "packets")
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        frames.send(lab.peer, [udp(PORT), udp(PORT + 1)], copies=20)
    took = time.monotonic() - begun
    [limit] = rules(watching, "limit")
    went = limit["packets"] - limit["dropped_packets"]
    assert 0.97 * (20 + 100 * took) - 2 <= went <= 1.03 * (20 + 100 * (took + 0.1)), f"{went} packets in {took:.2f} s"
    assert f"udp to port {PORT}" in watching.do("limit") and "no rules" not in watching.do("rules")
    watching.do("limit", "--remove", f"udp/{PORT}")
    assert watching.do("limit") == "no limits\n"


def test_established_connections_go_on_while_new_ones_are_limited(lab, watching):
    with traffic.tcp_server(lab.host, HOST_V4, port=PORT):
        watching.do("limit", "--service", f"tcp/{PORT}", "--new-connections", "--rate", "2/h", "--burst", 2)
        results = [traffic.tcp_reaches(lab.peer, HOST_V4, port=PORT) for _ in range(4)]
    assert results == [True, True, False, False]


def test_a_rule_ends_by_itself_without_a_daemon(lab, watching):
    watching.do("block", "any", "--proto", "icmp", "--for", "2s")
    os.kill(watching.daemon_pid(), signal.SIGKILL)
    assert traffic.ping(lab.peer, HOST_V4, count=1, wait_s=0.2) == 0
    assert len(rules(watching, "block")) == 1, "as root, straight from the maps"
    until(lambda: traffic.ping(lab.peer, HOST_V4, count=1, wait_s=0.2) == 1, what="the end of the rule")
    assert rules(watching) == []
    watching.do("block", "any", "--proto", "icmp")
    assert traffic.ping(lab.peer, HOST_V4, count=1, wait_s=0.2) == 0
    watching.attach(DEVICE)
    assert len(rules(watching)) == 1, "the next daemon takes it over"
    watching.do("unblock", "any")
    assert traffic.ping(lab.peer, HOST_V4, count=1) == 1


def test_a_rule_of_an_interface_counts_there_alone(lab, watching):
    watching.do("block", "any", "--in", "--proto", "icmp", "--interface", DEVICE)
    watching.do("block", "any", "--proto", "udp", "--interface", "absent0")
    assert traffic.ping(lab.peer, HOST_V4, count=1, wait_s=0.2) == 0
    frames.send(lab.peer, [udp(9)])
    watching.settle()
    assert [each["packets"] for each in rules(watching)] == [1, 0]
    watching.do("detach", DEVICE)


def test_nobody_locks_himself_out(lab, watching):
    watching.fails(REFUSED, "block", HOST_V4, "--port", 80)
    environment = {**os.environ, "SSH_CONNECTION": f"{PEER_V4} 50000 {HOST_V4} 22"}
    for refused in (["any"], ["any", "--proto", "tcp"], ["any", "--port", "1-100"], ["0.0.0.0/0", "--in", "--port", "22"],
                    ["any", "--out", "--source-port", "22"], [PEER_V4, "--port", "80"], ["any", "--port", "1024-65535"],
                    ["any", "--in", "--source-port", "1024-65535"], ["any", "--tcp-flags", "PSH/PSH"]):
        done = subprocess.run(watching.command("block", *refused), env=environment, capture_output=True, text=True,
                              check=False)
        assert done.returncode == REFUSED, (refused, done.stderr)
        assert "--force" in done.stderr
    for harmless in (["--in", "--port", "23"], ["--proto", "udp"]):
        done = subprocess.run(watching.command("block", "any", *harmless), env=environment, check=False)
        assert done.returncode == DONE
    assert len(rules(watching)) == 2


def test_mistakes_change_nothing(watching):
    for mistake in (["block", "any", "--port", "0x16"], ["limit", "--service", "tcp/22"], ["limit", "--rate", "fast"],
                    ["allow", "nowhere"], ["block", "any", "--proto", "gre", "--port", "1"], ["rules", "--export", "pf"],
                    ["unblock", ""], ["allow", "--remove", "tcp/22"]):
        watching.fails(USAGE, *mistake)
    assert rules(watching) == []
    assert not json.loads(watching.do("--json", "limit", "--remove", "tcp/22"))["changed"]
    watching.do("block", "any", "--port", "23", "--dry-run")
    assert rules(watching) == []


POLICY = [
    ("allow", PEER_V4, "--proto", "udp", "--port", "53"),
    ("block", PEER_V4, "--proto", "udp"),
    ("block", "any", "--in", "--proto", "tcp", "--tcp-flags", "SYN,ACK/SYN", "--port", "1000-2000"),
    ("block", "::/0", "--proto", "icmpv6", "--icmp-type", "128"),
    ("block", "any", "--min-length", "300", "--max-length", "400"),
    ("block", "10.77.0.0/24", "--source-port", "7000-7010", "--priority", "150"),
    ("block", "any", "--proto", "47"),
    ("allow", "fd00:77::/64", "--proto", "tcp", "--priority", "210"),
    ("block", "0.0.0.0/0", "--proto", "icmp"),
    ("block", PEER_V6, "--port", "443"),
]


def random_frames(count, seed=7):
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        port = chance.choice([53, 443, 1000, 1500, 2000, 2001, 9])
        sport = chance.choice([7000, 7005, 7010, 7011, 40000])
        flags = chance.choice(["S", "SA", "A", "F"])
        v6 = chance.random() < 0.4
        payload = frames.Raw(bytes(chance.choice([10, 200, 272, 300, 700])))
        body = chance.choice([
            frames.UDP(sport=sport, dport=port) / payload,
            frames.TCP(sport=sport, dport=port, flags=flags) / payload,
            frames.ICMPv6EchoRequest(data=b"x") if v6 else frames.ICMP() / payload,
            frames.GRE() if not v6 else frames.UDP(sport=sport, dport=port) / payload,
        ])
        made.append(to_host(body, PEER_V6 if v6 else chance.choice([PEER_V4, OTHER_V4])))
    return made


@pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed: sudo scripts/setup.sh test")
def test_nftables_comes_to_the_same_verdicts(lab, watching):
    for action, *rule in POLICY:  # of what comes in alone: the host answers, too
        watching.do(action, *rule, *(["--force"] if action == "block" else []), *([] if "--in" in rule else ["--in"]))
    watching.do("block", OTHER_V4, "--in")
    exported = watching.do("rules", "--export", "nft")
    sent = random_frames(250)
    ids = [each["id"] for each in rules(watching)]
    ours = verdicts(lab, sent, lambda: [each["packets"] for each in rules(watching)] + [dropped_by_list(watching)])
    watching.do("detach")
    loaded = subprocess.run(lab.host.command("nft", "-f", "-"), input=exported, capture_output=True, text=True, check=False)
    if "not supported" in loaded.stderr or "No such file" in loaded.stderr:
        pytest.skip(f"this kernel has no nftables: {loaded.stderr.splitlines()[0]}")
    assert loaded.returncode == 0, loaded.stderr + exported
    assert verdicts(lab, sent, lambda: nft_counters(lab, ids)) == ours
    assert len(set(ours)) > 8, "most rules had something to do"


LIMITS = [("--service", "tcp/22", "--rate", "10/min", "--new-connections"), ("--rate", "5000/s", "--both"),
          ("--rate", "1B/s", "--per", "total"), ("--rate", "1MB/min", "--both"), ("--rate", "8Gbit/s", "--out")]


@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_iptables_takes_what_is_written_for_it(lab, watching, program):
    if not shutil.which(f"{program}-restore"):
        pytest.skip("iptables is not installed: sudo scripts/setup.sh test")
    for action, *rule in POLICY:
        watching.do(action, *rule, *(["--force"] if action == "block" else []))
    for limit in LIMITS:
        watching.do("limit", *limit)
    watching.do("block", OTHER_V4, "--in")
    exported = watching.do("rules", "--export", program)
    loaded = subprocess.run(lab.host.command(f"{program}-restore", "--test", "--noflush"), input=exported,
                            capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr + exported


def verdicts(lab, sent, counters):
    """For each frame the place of the counter that it moved; None: no rule matched."""
    found, before = [], counters()
    for frame in sent:
        frames.send(lab.peer, [frame])
        after = counters()
        moved = [i for i, (a, b) in enumerate(zip(before, after)) if a != b]
        assert len(moved) <= 1, frame.summary()
        found.append(moved[0] if moved else None)
        before = after
    return found


def dropped_by_list(guard):
    return sum(each["packets"] for each in guard.ask("blocks")["blocks"] if "text" not in each)


def nft_counters(lab, ids):
    """Packets by rule, in the order of `ids`; the blocklist comes last."""
    text = subprocess.run(lab.host.command("nft", "list", "chain", "inet", "flowguard", "in"), capture_output=True,
                          text=True, check=True).stdout
    by_id = {int(found[2]): int(found[1]) for found in re.finditer(r'counter packets (\d+) bytes \d+ .*comment "(\d+)"', text)}
    listed = sum(int(found[1]) for found in re.finditer(r"@blocked_in_\d counter packets (\d+)", text))
    return [by_id.get(each, 0) for each in ids] + [listed]
