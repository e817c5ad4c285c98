# SPDX-License-Identifier: Apache-2.0
"""Live: attacks are named in time, ordinary traffic is not, and what was named stays known."""
import json
import os
import re
import signal
import sqlite3
import time

import pytest

from fglab import frames
from fglab.flowguard import FAILED, USAGE, sides
from fglab.lab import DEVICE
from fglab.player import BEGIN_S, Player, attack_scene, benign_scene
from fglab.wait import until

import evaluate  # of tests/replay, which fglab.player has put on the path

LONG = os.environ.get("FG_LONG") == "1"
TICK_S = 1
SLACK_S = 2  # a machine that builds something beside the test
BENIGN_S = 600 if LONG else 30

# Attack, intensity (None: its clear one), and within how many seconds it must be named.
ATTACKS = [
    ("dos.syn_flood/spoofed", 1000, 2 * TICK_S),
    ("dos.udp_flood/many", 1000, 2 * TICK_S),
    ("dos.amplification/dns", 10, 2 * TICK_S),
    ("dos.connection_flood/one", None, 7),  # must last for five ticks in a row
    ("scan.port/syn", None, 10),
    ("brute.login/ssh", None, 30),
    ("exfil.dns_tunnel/null", None, 10),
]
LONG_ATTACKS = [
    ("dos.syn_flood/one", 300, 2 * TICK_S),
    ("dos.udp_flood/one", None, 2 * TICK_S),
    ("dos.icmp_flood/one", 4000, 2 * TICK_S),
    ("dos.amplification/ntp", 10, 2 * TICK_S),
    ("dos.fragment_flood/one", None, 2 * TICK_S),
    ("dos.slow_connections/one", None, 30),
    ("dos.outbound/syn", None, 2 * TICK_S),
    ("scan.host/ssh", None, 10),
    ("scan.host/ping", None, 10),
    ("scan.port/udp", None, 30),
    ("brute.login/ftp", None, 45),
    ("exfil.dns_tunnel/txt", None, 15),
    ("exfil.icmp_tunnel/large", None, 30),
    ("c2.beacon/http-5s", None, 100),
]


@pytest.fixture
def watching(default_guard):
    default_guard.attach(DEVICE)
    return default_guard


def incidents(guard, *options):
    return [json.loads(line) for line in guard.do("--json", "incidents", *options).splitlines()]


def find(guard, expectation, begun):
    """An incident that answers the expectation, by the rules of the evaluation."""
    return next((each for each in incidents(guard) if evaluate.answers(each, expectation, begun)), None)


def name_attack(lab, guard, attack, intensity, within_s):
    scene, expectation = attack_scene(attack, intensity)
    with Player(lab, scene) as player:
        incident = until(lambda: find(guard, expectation, player.begun), within_s=BEGIN_S + within_s + TICK_S + SLACK_S,
                         what=f"an incident of {attack}")
    opened = evaluate.seconds_of(incident["flowguard"]["opened"]) - player.begun - BEGIN_S
    assert opened <= within_s + TICK_S + SLACK_S, f"named after {opened:.1f} s"
    return incident


@pytest.mark.parametrize("attack, intensity, within_s",
                         [pytest.param(*each, id=each[0]) for each in ATTACKS + (LONG_ATTACKS if LONG else [])])
def test_an_attack_is_named_in_time(lab, watching, attack, intensity, within_s):
    incident = name_attack(lab, watching, attack, intensity, within_s)
    own = incident["flowguard"]
    assert own["explanation"] and own["suggestion"].startswith("flowguard ") and own["evidence"] and own["attack"]


def test_ordinary_traffic_raises_nothing(lab, watching):
    scene = benign_scene(("office", "iot", "web", "dns", "server", "monitoring"), BENIGN_S)
    with Player(lab, scene) as player:
        player.join()
    watching.settle()
    status = watching.status()
    assert player.sent > 10 * BENIGN_S, "there was traffic"
    assert sum(status["interfaces"][0][side]["packets"] for side in ("rx", "tx")) >= player.sent
    assert [each["flowguard"]["explanation"] for each in incidents(watching)] == []
    assert status["incidents"]["open"] == 0


SCAN = ("scan.port/fast", 300, 10)
FLOOD = ("dos.syn_flood/one", 300, 2 * TICK_S)
CLOSED_S = 60  # within which a flood that has ended is closed


def test_an_incident_is_shown_followed_and_closed(lab, watching):
    follower = watching.start("--json", "incidents", "--follow")
    incident = name_attack(lab, watching, *FLOOD)
    identifier = incident["flowguard"]["incident_id"]
    [listed] = incidents(watching, "--open")
    assert listed["flowguard"]["incident_id"] == identifier
    page = watching.do("incidents", identifier[:6])
    for fact in (identifier, "dos.syn_flood", incident["src_ip"], incident["dest_ip"], incident["flowguard"]["suggestion"]):
        assert fact in page
    table = watching.do("incidents")
    assert identifier in table and "open" in table
    assert watching.status()["incidents"]["open"] == 1
    until(lambda: incidents(watching, "--open") == [], within_s=CLOSED_S, what="the end of the incident")
    assert watching.do("incidents", "--open") == "no open incidents\n"
    [closed] = incidents(watching, "--since", "10m")
    assert closed["flowguard"]["state"] == "closed"
    follower.terminate()
    told = [json.loads(line)["flowguard"] for line in follower.communicate()[0].splitlines()]
    assert {each["incident_id"] for each in told} == {identifier}
    assert told[0]["state"] == "open" and told[-1]["state"] == "closed"


def test_an_unknown_incident_and_a_bad_span_are_refused(watching):
    assert "flowguard incidents" in watching.fails(FAILED, "incidents", "feedbeef")
    watching.fails(USAGE, "incidents", "--since", "yesterday")


def restart(guard):
    """As a service manager does."""
    pid = guard.daemon_pid()
    os.kill(pid, signal.SIGTERM)
    until(lambda: pid not in guard.daemon_pids(), what=f"the end of pid {pid}")
    guard.attach(DEVICE)


def test_incidents_and_baselines_survive_a_restart(lab, watching):
    identifier = name_attack(lab, watching, *SCAN)["flowguard"]["incident_id"]
    restart(watching)
    [incident] = incidents(watching)
    assert incident["flowguard"]["incident_id"] == identifier
    assert identifier in watching.do("incidents", identifier)
    watched = watching.ask("baseline", "show")["watched_seconds"]
    assert watched > 0, "saved at its exit, and not only each minute"
    watching.settle(2)
    restart(watching)
    assert watching.ask("baseline", "show")["watched_seconds"] > watched, "it went on from there"


def test_a_damaged_database_is_set_aside(lab, watching):
    name_attack(lab, watching, *SCAN)
    pid = watching.daemon_pid()
    os.kill(pid, signal.SIGTERM)
    until(lambda: pid not in watching.daemon_pids(), what=f"the end of pid {pid}")
    database = watching.state_dir / "state.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(database.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page:page + 512] = b"\xa5" * len(data[page:page + 512])
    database.write_bytes(data)
    watching.attach(DEVICE)
    assert "was damaged" in watching.log.read_text()
    assert list(watching.state_dir.glob("state.db.damaged*"))
    assert incidents(watching) == []
    name_attack(lab, watching, *SCAN)


def test_a_detector_that_is_off_says_nothing_and_a_number_that_is_set_counts(lab, new_guard, config):
    guard = new_guard(config=config('[detectors."scan.port"]\nenabled = false\n[detectors."dos.syn_flood"]\nat_once = 5000\n'
                                    'lasting = 5000\n'))
    guard.attach(DEVICE)
    for attack, intensity in (("scan.port/fast", 300), ("dos.syn_flood/one", 300)):
        scene, _ = attack_scene(attack, intensity)
        scene.trace.sort(8)
        with Player(lab, scene) as player:
            player.join()
    guard.settle()
    assert incidents(guard) == []


def test_dns_beyond_the_budget_is_counted_and_said_so(lab, new_guard, config):
    guard = new_guard(config=config("[detection]\ndns_samples = 1\n"))
    guard.attach(DEVICE)
    question = frames.to_host(frames.UDP(sport=4000, dport=53) / frames.PAYLOAD)
    sent = frames.send(lab.peer, [question], copies=100)
    interface = guard.settled(DEVICE)
    assert sides(interface).rx == sent and interface["accounted"] == 1.0
    assert 90 <= interface["losses"]["dns_not_sampled"] <= 99
    assert "DNS packets counted, but not read" in guard.do("status")
    assert "without their flow" not in guard.do("status")


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_survives_its_rotation(lab, new_guard, config, tmp_path):
    log, moved = tmp_path / "eve.json", tmp_path / "eve.json.1"
    guard = new_guard(config=config(f'[detection]\neve_log = "{log}"\n'))
    guard.attach(DEVICE)
    first = name_attack(lab, guard, *SCAN)["flowguard"]["incident_id"]
    assert lines_of(log)[0]["flowguard"]["incident_id"] == first
    log.rename(moved)
    os.kill(guard.daemon_pid(), signal.SIGHUP)
    name_attack(lab, guard, *FLOOD)
    until(lambda: log.exists() and any(each["flowguard"]["detector"] == "dos.syn_flood" for each in lines_of(log)),
          what="a line in the new log")
    assert all(each["flowguard"]["incident_id"] == first for each in lines_of(moved))
    os.truncate(log, 0)  # as copytruncate does
    until(lambda: log.stat().st_size > 0, within_s=CLOSED_S, what="a line after the cut")
    assert log.read_bytes()[:1] == b"{", "no hole where the old lines were"
    assert all(each["event_type"] == "alert" for each in lines_of(log))


def test_blacklisted_peers_are_named_and_feeds_are_read_again(lab, new_guard, config, tmp_path):
    feed = tmp_path / "list.txt"
    feed.write_text("198.51.100.1\nno address\n")
    guard = new_guard(config=config(f'[detection]\nfeeds = ["bad={feed},plain"]\n'))
    guard.attach(DEVICE)
    until(lambda: re.search(r"line 2", guard.log.read_text()), within_s=15, what="the line that cannot be used, in the log")
    feed.write_text("198.51.100.66\n")
    until(lambda: guard.log.read_text().count("bad") > 1, within_s=30, what="the list read again")
    name_attack(lab, guard, "reputation.blacklisted/https", None, 30)


def test_a_learnt_baseline_is_used_by_the_daemon(lab, new_guard, tmp_path):
    """The seed workflow: learn a capture of hours, then watch."""
    capture = tmp_path / "before.pcap"
    benign_scene(("server",), 1.2 * 3600).trace.write(capture)
    guard = new_guard()
    guard.do("baseline", "learn", capture)
    known = guard.ask("baseline", "show")
    assert known["knowledge"] == "ready" and known["entities"]
    guard.attach(DEVICE)
    guard.fails(FAILED, "baseline", "reset")
    time.sleep(2 * TICK_S)
    restart(guard)
    assert guard.ask("baseline", "show")["watched_seconds"] >= known["watched_seconds"]
