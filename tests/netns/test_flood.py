# SPDX-License-Identifier: Apache-2.0
"""At the highest rate that this machine reaches, while the drain runs: nothing is lost or counted twice."""
import pathlib

import pytest

from fglab import flood, stack
from fglab.flood import Flood
from fglab.flowguard import part, sides
from fglab.lab import DEVICE
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
    with Flood(lab, PACKETS, "--flows", 300_000) as flooding:
        for question in (["status"], ["flows", "-n", "10"], ["top", "--once"], ["block", ATTACKER], ["blocks"]):
            default_guard.run(*question, timeout=ANSWER_S)
        assert flooding.running(), "the flood went on all the time"
        flooding.finish()
