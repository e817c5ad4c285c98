# SPDX-License-Identifier: Apache-2.0
"""At the highest rate that this machine reaches, while the drain runs: nothing is lost or counted twice."""
import pathlib
import time

import pytest

from fglab import flood, stack
from fglab.flood import Flood
from fglab.flowguard import part, sides
from fglab.lab import DEVICE
from fglab.traffic import UdpConversation
from fixtures import TC, attach

PACKETS = 10_000_000
TICK_MS = 100
DRAINS = 1  # while a flood runs, at least: a fast machine is done in a quarter of a second
ATTACKER = "198.18.0.1"
ANSWER_S = 2  # what a question may take meanwhile

pytestmark = pytest.mark.skipif(not pathlib.Path(flood.PROGRAM).exists(),
                                reason=f"no generator {flood.PROGRAM}: build it, or set FG_GENERATE")


@pytest.fixture
def guard(new_guard, config):
    return new_guard(config=config(f"tick_ms = {TICK_MS}\n"))


def counted_by_all_three(lab, guard, packets, *options, least=None):
    """The generator, the device and flowguard agree; returns the interface."""
    before, ticks = lab.device.quiet_counters(), guard.status()["daemon"]["ticks"]
    with Flood(lab, packets, *options) as flooding:
        delivered = flooding.finish()
    assert guard.status()["daemon"]["ticks"] >= ticks + DRAINS
    device = lab.device.quiet_counters() - before
    interface = guard.settled(DEVICE)
    assert delivered == device.rx == sides(interface).rx
    assert delivered.packets >= (packets if least is None else least), "the flood took place"
    assert interface["accounted"] == 1.0
    assert part(interface, "flows").rx + part(interface, "overflow").rx == delivered
    return interface


@pytest.mark.parametrize("flows", [1, 1_000, 300_000])
@pytest.mark.parametrize("hook", ["xdp-native", "xdp-generic", TC])
def test_every_packet_is_counted_once(lab, guard, hook, flows):
    attach(lab, guard, hook)
    interface = counted_by_all_three(lab, guard, PACKETS, "--flows", flows)
    if flows <= 1_000:
        assert interface["losses"] == {}
        assert guard.status()["flow_table"]["active"] == flows


def test_two_processors_at_once_count_apart(lab, guard):
    attach(lab, guard, "xdp-native")
    counted_by_all_three(lab, guard, PACKETS // 2, "--flows", 1_000, "--threads", 2, least=PACKETS // 10)


def test_a_spoofed_flood_evicts_flows_and_loses_no_packet(lab, new_guard, config):
    guard = new_guard(config=config(f"tick_ms = {TICK_MS}\nmax_flows = 10000\n"))
    attach(lab, guard, "xdp-native")
    counted_by_all_three(lab, guard, PACKETS // 2, "--tcp-syn")
    table = guard.status()["flow_table"]
    assert table["active"] <= 10_000
    assert table["evicted"] > 0


def test_a_blocked_flood_is_dropped_to_the_last_packet(lab, guard):
    attach(lab, guard, "xdp-native")
    guard.do("block", ATTACKER, "--in")
    before = stack.seen(lab.device)
    interface = counted_by_all_three(lab, guard, PACKETS // 2, "--src", ATTACKER, "--flows", 1_000)
    [block] = guard.ask("blocks")["blocks"]
    assert block["packets"] == interface["rx"]["dropped_packets"] == interface["rx"]["packets"]
    assert block["bytes"] == interface["rx"]["dropped_bytes"] == interface["rx"]["bytes"]
    assert stack.seen(lab.device) == before


def test_questions_are_answered_meanwhile(lab, default_guard):
    attach(lab, default_guard, "xdp-native")
    with Flood(lab, 10 * PACKETS, "--flows", 300_000) as flooding:  # longer than the questions take; then it is ended
        for question in (["status"], ["flows", "-n", "10"], ["top", "--once"], ["block", ATTACKER], ["blocks"]):
            default_guard.run(*question, timeout=ANSWER_S)
        assert flooding.running(), "the flood went on all the time"


SMALL_TABLE = f"tick_ms = {TICK_MS}\ncapacity = 1024\n"
FLOWS, ADDRESSES = 300_000, 131_072  # of fg-generate: all of 198.18.0.0/15, then the next port
TARGET, TARGET_PORT = "192.0.2.1", 9


def test_a_flood_beyond_the_table_is_summed_up_by_its_target(lab, new_guard, config):
    guard = new_guard(config=config(SMALL_TABLE))
    attach(lab, guard, "xdp-native")
    interface = counted_by_all_three(lab, guard, PACKETS // 5, "--flows", FLOWS)
    aggregates = guard.flows("--overflow")
    assert all(each["event_type"] == "overflow" for each in aggregates)
    incoming = [each for each in aggregates if each["flowguard"]["direction"] == "rx"]
    assert sum(each["flowguard"]["packets"] for each in incoming) == part(interface, "overflow").rx.packets
    assert sum(each["flowguard"]["bytes"] for each in incoming) == part(interface, "overflow").rx.bytes
    flood = incoming[0]
    assert (flood["dest_ip"], flood["dest_port"], flood["proto"]) == (TARGET, TARGET_PORT, "UDP")
    assert abs(flood["flowguard"]["remote_addresses"] / ADDRESSES - 1) < 0.05
    assert guard.status()["overflow"][0]["dest_ip"] == TARGET
    assert f"udp/{TARGET_PORT} of {TARGET}" in guard.do("status")


def test_a_conversation_keeps_its_record_in_a_flood(lab, new_guard, config):
    guard = new_guard(config=config(SMALL_TABLE))
    attach(lab, guard, "xdp-native")
    with UdpConversation(lab) as conversation:
        conversation.exchange(5)
        guard.settle(3)
        with Flood(lab, PACKETS, "--tcp-syn", "--rate", 1_000_000) as flooding:
            while flooding.running():
                conversation.exchange(1)
                time.sleep(3 * TICK_MS / 10_000)  # too seldom to be first in the race for records at each tick
            flooding.finish()
        guard.settle()
        [flow] = [each for each in guard.flows("--filter", "udp") if each["src_port"] == conversation.port]
        assert conversation.arrived > 100, "it went on through the flood"
        assert flow["flow"]["pkts_toserver"] == conversation.arrived
        assert flow["flow"]["pkts_toclient"] == conversation.answered
    losses = guard.status()["interfaces"][0]["losses"]
    assert losses["overflow_not_admitted"] > PACKETS // 4, "the flood had filled the table"
