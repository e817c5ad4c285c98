# SPDX-License-Identifier: Apache-2.0
"""From attach to detach, and through everything that goes wrong between: nothing half-done, nothing left behind."""
import signal
import time

import pytest

from fglab import foreign, frames
from fglab.device import Volume
from fglab.flowguard import DONE, FAILED, NOT_RUNNING, part, sides
from fglab.lab import DEVICE, PEER_V4
from fglab.traces import Traces, pins_of
from fglab.wait import until
from fixtures import TC

PROMPT_S = 2  # what attach may take, and the first flow to be seen
ABSENT = "nosuch0"
UDP = frames.UDP(sport=5000, dport=9) / frames.PAYLOAD
COPIES = 25


def send_some(lab):
    return frames.send(lab.peer, [frames.to_host(UDP)], copies=COPIES)


def received(guard, name=DEVICE):
    return sides(guard.interface(name)).rx


@pytest.fixture
def traces(lab):
    return Traces(lab)


@pytest.fixture(scope="session")
def somebody(tmp_path_factory):
    """An XDP program that is not flowguard's."""
    return foreign.compile_bpf(tmp_path_factory.mktemp("foreign"), foreign.PASS_ALL)


class TestAttach:
    def test_is_prompt(self, default_guard):
        started = time.monotonic()
        default_guard.attach(DEVICE)
        assert time.monotonic() - started < PROMPT_S

    def test_shows_the_first_flow_promptly(self, lab, default_guard):
        default_guard.attach(DEVICE)
        started = time.monotonic()
        send_some(lab)
        until(default_guard.flows, within_s=PROMPT_S, what="the first flow")
        assert time.monotonic() - started < PROMPT_S

    def test_names_hooks_and_programs(self, lab, guard):
        answer = guard.attach(DEVICE)
        [interface] = answer["interfaces"]
        assert answer["changed"] is True
        assert (interface["ingress"]["hook"], interface["egress"]["hook"]) == ("xdp-native", TC)
        assert interface["ingress"]["program_id"] == foreign.xdp_program(lab.device)
        shown = guard.interface(DEVICE)
        assert (shown["ingress"], shown["egress"]) == (interface["ingress"], interface["egress"])

    def test_again_changes_nothing(self, lab, guard):
        first = guard.attach(DEVICE)
        sent = send_some(lab)
        guard.settle()
        again = guard.attach(DEVICE)
        assert again["changed"] is False
        assert again["interfaces"] == first["interfaces"]
        assert received(guard) == sent

    def test_takes_several_interfaces_and_more_later(self, lab, guard):
        guard.attach(DEVICE)
        pid = guard.daemon_pid()
        answer = guard.attach(DEVICE, "lo")
        assert answer["changed"] is True
        assert [each["name"] for each in guard.status()["interfaces"]] == [DEVICE, "lo"]
        assert guard.daemon_pid() == pid

    def test_of_the_same_interface_twice_is_one(self, guard):
        guard.attach(DEVICE, DEVICE)
        assert [each["name"] for each in guard.status()["interfaces"]] == [DEVICE]

    @pytest.mark.parametrize("names", [[ABSENT], [DEVICE, ABSENT], [ABSENT, DEVICE]], ids=" ".join)
    def test_of_an_unknown_interface_leaves_no_trace(self, guard, traces, names):
        assert ABSENT in guard.fails(FAILED, "attach", *names)
        traces.check(guard)
        traces.check_lab()

    @pytest.mark.parametrize("names", [[ABSENT], ["lo", ABSENT], [ABSENT, "lo"]], ids=" ".join)
    def test_of_an_unknown_interface_leaves_a_running_daemon_as_it_was(self, lab, guard, names):
        guard.attach(DEVICE)
        before, programs = guard.interface(DEVICE), pins_of(guard.instance)
        assert ABSENT in guard.fails(FAILED, "attach", *names)
        assert guard.interface(DEVICE) == before
        assert pins_of(guard.instance) == programs
        assert [each["name"] for each in guard.status()["interfaces"]] == [DEVICE]

    def test_to_a_device_that_is_down_says_so_and_counts_once_it_is_up(self, lab, guard):
        lab.device.set("down")
        [interface] = guard.attach(DEVICE)["interfaces"]
        assert "down" in interface["note"]
        lab.device.set("up")
        until(lambda: "down" not in guard.interface(DEVICE).get("note", ""), what="the end of the note")
        sent = send_some(lab)
        guard.settle()
        [flow] = guard.flows("--filter", "udp")
        assert Volume(flow["flow"]["pkts_toserver"], flow["flow"]["bytes_toserver"]) == sent


class TestDetach:
    def test_leaves_no_trace(self, lab, guard, traces):
        guard.attach(DEVICE, "lo")
        guard.do("block", PEER_V4)
        assert traces.new_objects(guard)
        answer = guard.detach()
        assert answer == {"changed": True, "interfaces": [DEVICE, "lo"], "ending": True}
        traces.check(guard)
        traces.check_lab()

    @pytest.mark.parametrize("times", [1, 2])
    def test_of_nothing_is_no_error(self, guard, times):
        for _ in range(times):
            assert guard.detach()["changed"] is False

    def test_of_one_leaves_the_other(self, lab, guard):
        guard.attach(DEVICE, "lo")
        sent = send_some(lab)
        assert guard.detach("lo")["interfaces"] == ["lo"]
        assert guard.detach("lo")["changed"] is False
        assert [each["name"] for each in guard.settle()["interfaces"]] == [DEVICE]
        assert received(guard) == sent

    def test_of_the_last_one_ends_the_daemon_that_attach_started(self, guard, traces):
        guard.attach(DEVICE)
        assert guard.detach(DEVICE)["interfaces"] == [DEVICE]
        traces.check(guard)

    def test_can_be_followed_by_attach_at_once(self, guard):
        for _ in range(3):
            assert guard.attach(DEVICE)["changed"] is True
            guard.detach(DEVICE)
        for _ in range(3):
            assert guard.attach(DEVICE)["changed"] is True
            guard.detach()

    def test_leaves_a_qdisc_and_filters_of_somebody_else(self, lab, guard):
        lab.forbid_tcx()
        lab.host.run("tc", "qdisc", "add", "dev", DEVICE, "clsact")
        [interface] = guard.attach(DEVICE, mode="off")["interfaces"]
        assert (interface["ingress"]["hook"], interface["egress"]["hook"]) == ("clsact", "clsact")
        guard.detach()
        assert "clsact" in lab.device.qdiscs()
        lab.host.run("tc", "qdisc", "delete", "dev", DEVICE, "clsact")


class TestDaemonThatDied:
    @pytest.fixture
    def orphaned(self, lab, guard):
        """A guard whose daemon was killed after it had counted something."""
        guard.attach(DEVICE)
        send_some(lab)
        guard.settle()
        guard.kill_daemon()
        return guard

    def test_detach_leaves_no_trace(self, traces, orphaned):
        assert traces.new_objects(orphaned), "the programs go on"
        assert orphaned.detach() == {"changed": True, "interfaces": [DEVICE], "ending": True}
        traces.check(orphaned)
        traces.check_lab()

    def test_detach_of_the_interface_leaves_no_program_on_it(self, lab, orphaned):
        assert orphaned.detach(DEVICE)["interfaces"] == [DEVICE]
        assert foreign.xdp_program(lab.device) is None

    def test_status_says_so(self, orphaned):
        sentence = orphaned.fails(NOT_RUNNING, "status")
        assert "daemon" in sentence and DEVICE in sentence and "attach" in sentence

    def test_attach_goes_on_where_it_stopped(self, lab, orphaned):
        before = foreign.xdp_program(lab.device)
        sent_meanwhile = send_some(lab)
        answer = orphaned.attach(DEVICE)
        assert answer["interfaces"][0]["ingress"]["program_id"] == before, "the programs stay as they are"
        interface = orphaned.settled(DEVICE)
        assert sides(interface).rx == sent_meanwhile + sent_meanwhile
        assert interface["accounted"] == 1.0
        [flow] = orphaned.flows("--filter", "udp")
        assert flow["flow"]["pkts_toserver"] == COPIES, "what was counted while nobody read it"

    def test_blocks_outlive_it(self, orphaned):
        orphaned.do("block", PEER_V4, "--for", "1h")
        orphaned.attach(DEVICE)
        assert [each["target"] for each in orphaned.ask("blocks")["blocks"]] == [PEER_V4]
        assert orphaned.settle()["policy"]["blocks"] == 1

    @pytest.mark.parametrize("moment_ms", [0, 15, 30, 45])
    def test_whenever_it_dies_nothing_is_lost_or_counted_twice(self, lab, new_guard, config, moment_ms):
        guard = new_guard(config=config("tick_ms = 100\n"))
        guard.attach(DEVICE)
        sent = Volume(0, 0)
        for round_ms in (0, 7, 13):
            sent += send_some(lab)
            time.sleep((moment_ms + round_ms) / 1000)  # another phase of the tick each time
            guard.kill_daemon()
            sent += send_some(lab)
            guard.attach(DEVICE)
        interface = guard.settled(DEVICE)
        assert sides(interface).rx == part(interface, "flows").rx == sent

    def test_sigterm_leaves_the_programs_at_work(self, lab, guard):
        daemon = guard.start("daemon", "--attach", DEVICE)
        until(lambda: guard.run("status").returncode == DONE, what="the daemon")
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(10)
        assert daemon.returncode == DONE
        sent = send_some(lab)
        guard.attach(DEVICE)
        assert sides(guard.settled(DEVICE)).rx == sent


class TestSomebodyElseOnTheXdpHook:
    @pytest.fixture(params=["xdpdrv", "xdpgeneric"])
    def foreigner(self, request, lab, somebody):
        """The program's id; it must still be there at the end."""
        number = foreign.attach_xdp(lab.device, somebody, request.param)
        yield number
        assert foreign.xdp_program(lab.device) == number
        lab.device.set(request.param, "off")

    def test_auto_counts_at_tc_and_names_it(self, lab, guard, foreigner):
        [interface] = guard.attach(DEVICE)["interfaces"]
        assert interface["ingress"]["hook"] == TC
        assert f"{foreigner} (somebody)" in interface["note"]
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx == sent

    @pytest.mark.parametrize("mode", ["native", "generic"])
    def test_a_wanted_mode_fails_and_names_it(self, guard, traces, foreigner, mode):
        assert f"{foreigner} (somebody)" in guard.fails(FAILED, "attach", DEVICE, "--xdp-mode", mode)
        traces.check(guard)

    def test_detach_leaves_it(self, lab, guard, foreigner):
        guard.attach(DEVICE)
        guard.detach()
        assert foreign.xdp_program(lab.device) == foreigner


class TestInstances:
    def test_a_second_daemon_is_refused_and_the_first_named(self, guard):
        guard.attach(DEVICE)
        pid = guard.daemon_pid()
        for arguments in (["daemon"], ["attach", DEVICE, "--foreground"]):
            assert f"pid {pid}" in guard.fails(FAILED, *arguments)
        assert guard.daemon_pids() == [pid]
        assert guard.interface(DEVICE)["ingress"]["hook"] == "xdp-native"

    def test_two_work_side_by_side_in_their_namespaces(self, lab, guard, new_guard):
        far = new_guard(lab.peer, guard.config)
        guard.attach(DEVICE)
        far.attach(DEVICE)
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx == sides(far.settled(DEVICE)).tx == sent
        guard.do("block", PEER_V4)
        assert far.ask("blocks")["blocks"] == []
        far.detach()
        assert sides(guard.settled(DEVICE)).rx == sent

    def test_two_on_one_device_share_it(self, lab, guard, new_guard):
        second = new_guard(config=guard.config)
        guard.attach(DEVICE)
        [interface] = second.attach(DEVICE)["interfaces"]
        assert interface["ingress"]["hook"] == TC
        assert "fg_xdp" in interface["note"]
        sent = send_some(lab)
        assert sides(guard.settled(DEVICE)).rx == sides(second.settled(DEVICE)).rx == sent
        second.detach()
        assert guard.interface(DEVICE)["ingress"]["hook"] == "xdp-native"

    def test_in_the_foreground_until_it_is_detached(self, guard):
        daemon = guard.start("attach", DEVICE, "--foreground")
        until(lambda: guard.run("status").returncode == DONE, what="the daemon")
        guard.detach()
        assert daemon.wait(10) == DONE
