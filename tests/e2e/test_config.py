# SPDX-License-Identifier: Apache-2.0
"""The configuration file: mistakes are named with line and column, and keep the daemon from starting."""
import pytest

from fglab import frames
from fglab.flowguard import FAILED, USAGE, sides
from fglab.lab import DEVICE
from fglab.traces import Traces
from fglab.wait import until

LARGEST = 1 << 21
RECORD_BYTES = 128 + 2 * 4  # and two index entries
TABLES_PER_CPU = 4

MISTAKES = {
    "syntax": ("tick_ms =\n", ":1:"),
    "unfinished text": ('log_file = "/tmp\n', ":1:"),
    "unknown key": ("# ours\nnonsense = 1\n", ":2:12: unknown key 'nonsense'"),
    "wrong type": ('tick_ms = "fast"\n', ":1:11: 'tick_ms'"),
    "a fraction": ("tick_ms = 0.5\n", ":1:11: 'tick_ms'"),
    "too small": ("\n\ntick_ms = 1\n", ":3:11: 'tick_ms'"),
    "too large": ("idle_timeout = 999999999\n", ":1:16: 'idle_timeout'"),
    "negative": ("capacity = -64\n", ":1:12: 'capacity'"),
    "malformed address": ('protect = ["192.0.2.1", "hello"]\n', ":1:11: 'protect'"),
    "no truth": ("tunnels = 1\n", ":1:11: 'tunnels'"),
    "no list": ('interfaces = "eth0"\n', ":1:14: 'interfaces'"),
    "no prefix": ('local = ["here"]\n', ":1:9: 'local'"),
    "no table": ("detection = 3\n", ":1:13: 'detection'"),
    "unknown key of detection": ("[detection]\nwhatever = 1\n", ":2:12: unknown key 'whatever'"),
    "days out of range": ("[detection]\nkeep_incidents_days = 0\n", ":2:23: 'keep_incidents_days' must be a whole number from 1"),
    "no feed": ('[detection]\nfeeds = ["nofile"]\n', ":2:9: 'feeds' 'nofile'"),
    "unknown format of a feed": ('[detection]\nfeeds = ["a=/x,excel"]\n', ":2:9: 'feeds' 'excel'"),
    "unknown detector": ('[detectors."dos.tsunami"]\nenabled = false\n', ":1:1: unknown detector 'dos.tsunami'; there are: brute"),
    "detector without quotes": ("[detectors.scan.port]\nports = 25\n", ":1:1: unknown detector 'scan'"),
    "parameter out of range": ('[detectors."scan.port"]\nports = 1\n', ":2:9: scan.port: 'ports' must be from 2 to 60000"),
    "parameter that is no number": ('[detectors."scan.port"]\nports = nan\n', ":2:9: scan.port: 'ports'"),
    "unknown parameter": ('[detectors."scan.port"]\ndoors = 9\n', ":2:9: scan.port: unknown key 'doors'; there are: ports"),
    "a detector neither on nor off": ('[detectors."scan.port"]\nenabled = 1\n', ":2:11: scan.port: 'enabled'"),
    "twice": ("tick_ms = 100\ntick_ms = 200\n", ":2:"),
}


@pytest.mark.parametrize("mistake, place", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("command", [["attach", DEVICE], ["daemon"], ["config", "check"]], ids=["attach", "daemon", "check"])
def test_a_mistake_is_named_with_its_place(lab, new_guard, config, command, mistake, place):
    guard, traces = new_guard(config=config(mistake)), Traces(lab)
    sentence = guard.fails(USAGE, *command)
    assert f"{guard.config}{place}" in sentence
    traces.check(guard)


def test_a_file_that_was_named_must_exist(lab, new_guard, tmp_path):
    guard, traces = new_guard(config=tmp_path / "missing.toml"), Traces(lab)
    assert "missing.toml" in guard.fails(USAGE, "attach", DEVICE)
    traces.check(guard)


@pytest.mark.parametrize("capacity, nearest", [(1000, 1024), (63, 64), (1, 64), (65537, 131072),
                                               (LARGEST * 2, LARGEST)])
def test_a_capacity_that_cannot_be_is_refused_with_one_that_can(lab, new_guard, config, capacity, nearest):
    guard, traces = new_guard(config=config(f"capacity = {capacity}\n")), Traces(lab)
    sentence = guard.fails(USAGE, "attach", DEVICE)
    assert "power of two" in sentence and str(nearest) in sentence
    traces.check(guard)


def test_a_capacity_beyond_the_memory_is_refused(lab, new_guard, config):
    cpus = open("/sys/devices/system/cpu/possible").read().strip().rpartition("-")[2]
    memory = next(int(line.split()[1]) << 10 for line in open("/proc/meminfo") if line.startswith("MemTotal:"))
    if LARGEST * RECORD_BYTES * TABLES_PER_CPU * (int(cpus) + 1) <= memory / 2:
        pytest.skip("this host has room for the largest capacity")
    guard, traces = new_guard(config=config(f"capacity = {LARGEST}\n")), Traces(lab)
    assert "memory" in guard.fails(FAILED, "attach", DEVICE)
    traces.check(guard)


@pytest.mark.parametrize("capacity", [64, 4096])
def test_the_capacity_is_taken_and_shown(new_guard, config, capacity):
    guard = new_guard(config=config(f"capacity = {capacity}\n"))
    guard.attach(DEVICE)
    assert guard.status()["flow_table"]["capacity"] == capacity


def test_a_full_disk_under_the_log_stops_nothing(lab, new_guard, config):
    guard = new_guard(config=config('tick_ms = 100\nlog_file = "/dev/full"\n'))
    guard.attach(DEVICE)
    sent = frames.send(lab.peer, [frames.to_host(frames.UDP(sport=5, dport=9) / frames.PAYLOAD)], copies=10)
    assert sides(guard.settled(DEVICE)).rx == sent
    assert "log" in guard.log.read_text(), "said once, where it can be read"
    assert guard.log.read_text().count("\n") == 1


def test_a_log_that_cannot_be_opened_is_named(lab, new_guard, config):
    guard, traces = new_guard(config=config('log_file = "/proc/nowhere/log"\n')), Traces(lab)
    assert "/proc/nowhere/log" in guard.fails(FAILED, "attach", DEVICE)
    traces.check(guard)


def test_interfaces_of_the_file_are_attached_by_the_daemon(new_guard, config):
    guard = new_guard(config=config(f'interfaces = ["{DEVICE}", "lo"]\n'))
    guard.start("daemon")
    until(lambda: guard.run("status").returncode == 0, what="the daemon")
    assert [each["name"] for each in guard.status()["interfaces"]] == [DEVICE, "lo"]


def test_an_interface_of_the_file_that_is_missing_is_named(lab, new_guard, config):
    guard, traces = new_guard(config=config('interfaces = ["nosuch0"]\n')), Traces(lab)
    assert "nosuch0" in guard.fails(FAILED, "daemon")
    traces.check(guard)


def test_what_is_shown_is_a_configuration(new_guard, config, tmp_path):
    guard = new_guard(config=config('[detectors."scan.port"]\nports = 25\nenabled = false\n[detection]\ndns_samples = 7\n'))
    shown = guard.do("config", "show")
    assert "ports = 25 #" in shown and "dns_samples = 7" in shown
    again = tmp_path / "again.toml"
    again.write_text(shown)
    other = new_guard(config=again)
    assert other.do("config", "check") == f"{again} is all right\n"
    assert other.do("config", "show") == shown
