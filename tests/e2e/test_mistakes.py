# SPDX-License-Identifier: Apache-2.0
"""Each mistake has its exit code and one sentence on standard error, and changes nothing."""
import os
import subprocess

import pytest

from fglab import api
from fglab.flowguard import DONE, FAILED, NOT_RUNNING, PERMISSION, PROGRAM, REFUSED, USAGE
from fglab.lab import DEVICE, HOST_V4, HOST_V6, OTHER_V4, PEER_V4, PEER_V6
from fglab.shell import run
from fglab.traces import Traces
from fixtures import guarded_lab

NOBODY = 65534
PROMPT_S = 2
PROTECT = 'protect = ["192.0.2.10", "2001:db8::10"]\n'
STRANGER = "192.0.2.66"
MALFORMED_ADDRESSES = ["hello", "1.2.3", "1.2.3.4.5", "300.1.1.1", "1.2.3.4/", "1.2.3.4/33", "fe80::1%eth0", "::1::",
                       "1.2.3.4:80", " 1.2.3.4", "1.2.3.4 ", "", "4711", "-", "1.2.3.-4"]
NO_PREFIXES = ["1.2.3.4/24", "10.0.0.0/33", "2001:db8::7/64", "::/0"]
PROTECTED_PREFIXES = ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"]  # the host's address, and one in the configuration
MALFORMED_DURATIONS = ["0", "0s", "-5m", "1x", "1.5h", "5 m", "m", "1h30m", "99999d", "9223372036854775807d"]
NO_COMMAND = [[], ["nonsense"], ["status", "--nonsense"], ["attach"], ["block"], ["unblock"], ["flows", "-n"],
              ["flows", "-n", "x"], ["flows", "-n", "-1"], ["--instance", "a/b", "status"],
              ["--instance", "", "status"], ["--instance", "x" * 33, "status"]]
NO_CHOICE = [["attach", DEVICE, "--xdp-mode", "warp"], ["top", "--once", "--by", "nonsense"],
             ["top", "--once", "--by", "process"], ["top", "--once", "--sort", "nonsense"],
             ["flows", "--sort", "nonsense"], ["block", STRANGER, "--in", "--out"],
             ["block", STRANGER, "--reason", "x" * 64]]
BAD_FILTERS = ["tcp and and", "port", "host 1.2.3.4.5", "nonsense", "tcp)"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A guard whose host has a default gateway, and protects one more address."""
    with guarded_lab("xdp-native", tmp_path_factory.mktemp("mistakes"), PROTECT) as (lab, guard):
        lab.host.ip("route", "add", "default", "via", PEER_V4)
        lab.host.ip("-6", "route", "add", "default", "via", PEER_V6)
        yield guard


def what_is_set(guard):
    socket = guard.run_dir / "control.sock"
    return api.get(socket, "/v1/blocks"), [each["name"] for each in api.get(socket, "/v1/status")["interfaces"]]


@pytest.fixture
def unchanged(running):
    """Whatever the mistake, the host is as it was."""
    before = what_is_set(running)
    yield running
    assert what_is_set(running) == before


def words(arguments):
    return " ".join(arguments) if isinstance(arguments, list) else repr(arguments)


class TestUsage:
    @pytest.mark.parametrize("arguments", NO_COMMAND, ids=words)
    def test_of_the_command_line(self, unchanged, arguments):
        done = unchanged.run(*arguments)
        assert done.returncode == USAGE
        assert done.stdout == "" and done.stderr

    @pytest.mark.parametrize("arguments", NO_CHOICE, ids=words)
    def test_of_a_choice(self, unchanged, arguments):
        done = unchanged.run(*arguments)
        assert done.returncode == USAGE
        assert done.stdout == "" and done.stderr

    @pytest.mark.parametrize("target", MALFORMED_ADDRESSES)
    def test_of_an_address(self, unchanged, target):
        sentence = unchanged.fails(USAGE, "block", "--", target)
        assert f"'{target}'" in sentence

    @pytest.mark.parametrize("target", NO_PREFIXES)
    def test_of_a_prefix_that_is_none(self, unchanged, target):
        assert f"'{target}'" in unchanged.fails(USAGE, "block", target)

    @pytest.mark.parametrize("target", PROTECTED_PREFIXES)
    def test_of_a_prefix_with_a_protected_address(self, unchanged, target):
        assert f"{target} contains" in unchanged.fails(REFUSED, "block", target)

    @pytest.mark.parametrize("duration", MALFORMED_DURATIONS)
    def test_of_a_duration(self, unchanged, duration):
        assert f"'{duration}'" in unchanged.fails(USAGE, "block", STRANGER, f"--for={duration}")

    @pytest.mark.parametrize("target", ["hello", "1.2.3", "1.2.3.4/24"])
    def test_of_an_address_to_unblock(self, unchanged, target):
        assert target in unchanged.fails(USAGE, "unblock", target)

    @pytest.mark.parametrize("expression", BAD_FILTERS)
    @pytest.mark.parametrize("command", [["flows"], ["flows", "--json"], ["top", "--once"]], ids=words)
    def test_of_a_filter(self, unchanged, command, expression):
        assert "tcpdump" in unchanged.fails(USAGE, *command, "--filter", expression)

    def test_of_a_name_in_a_filter_keeps_nobody_waiting(self, unchanged):
        """Looking a name up takes seconds when no name server answers, and the daemon has other things to do."""
        asking = unchanged.start("flows", "--filter", "host name.invalid")
        unchanged.run("blocks", timeout=PROMPT_S)
        assert asking.wait(PROMPT_S) == USAGE

    def test_help_is_no_mistake(self, running):
        for arguments in (["--help"], ["--help-all"], ["block", "--help"]):
            assert "Usage" in running.do(*arguments)


class TestSafety:
    @pytest.mark.parametrize("target, why", [
        (HOST_V4, "address of this host"), (HOST_V6, "address of this host"),
        (PEER_V4, "gateway"), (PEER_V6, "gateway"),
        ("127.0.0.1", "this host"), ("::1", "this host"), ("0.0.0.0", "no single host"), ("::", "no single host"),
        ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("255.255.255.255", "broadcast"),
        ("192.0.2.10", "configuration"), ("2001:db8::10", "configuration"),
        ("::ffff:" + HOST_V4, "address of this host"),
    ])
    def test_a_protected_address_is_refused(self, unchanged, target, why):
        sentence = unchanged.fails(REFUSED, "block", target)
        assert why in sentence and "--force" in sentence

    @pytest.mark.parametrize("target", [PEER_V4, "192.0.2.10"])
    def test_force_blocks_it_all_the_same(self, unchanged, target):
        assert unchanged.ask("block", target, "--force")["changed"] is True
        assert unchanged.ask("unblock", target)["changed"] is True

    def test_the_peer_of_the_session_that_asks_is_refused(self, unchanged):
        session = dict(os.environ, SSH_CONNECTION=f"{OTHER_V4} 50000 {HOST_V4} 2222")
        done = unchanged.run("block", OTHER_V4, env=session)
        unchanged.run("unblock", OTHER_V4)
        assert done.returncode == REFUSED, "flowguard would lock its user out"
        assert "session" in done.stderr

    def test_a_refusal_without_a_daemon_is_the_same(self, lab, guard):
        lab.host.ip("route", "add", "default", "via", PEER_V4)
        guard.attach(DEVICE)
        guard.kill_daemon()
        for target in (HOST_V4, PEER_V4):
            assert "--force" in guard.fails(REFUSED, "block", target)


class TestIdempotence:
    def test_blocking_twice_changes_nothing(self, unchanged):
        first = unchanged.ask("block", STRANGER)
        again = unchanged.ask("block", STRANGER)
        assert (first["changed"], again["changed"]) == (True, False)
        assert first["id"] == again["id"]
        assert unchanged.ask("unblock", STRANGER)["changed"] is True
        assert unchanged.ask("unblock", STRANGER)["changed"] is False

    def test_a_longer_block_is_a_change_of_the_same_block(self, unchanged):
        first = unchanged.ask("block", STRANGER, "--for", "1h", "--in")
        longer = unchanged.ask("block", STRANGER, "--for", "2h", "--in")
        wider = unchanged.ask("block", STRANGER, "--for", "2h")
        same = unchanged.ask("block", STRANGER, "--for", "2h", "--out")
        assert [each["changed"] for each in (first, longer, wider, same)] == [True, True, True, False]
        [block] = [each for each in unchanged.ask("blocks")["blocks"] if each["target"] == STRANGER]
        assert block["directions"] == "both" and block["remaining_s"] > 7000
        assert unchanged.ask("unblock", str(block["id"]))["target"] == STRANGER

    @pytest.mark.parametrize("written", ["2001:DB8::0:66", "2001:0db8:0000::0066"])
    def test_an_address_is_the_same_however_it_is_written(self, unchanged, written):
        assert unchanged.ask("block", written)["target"] == "2001:db8::66"
        assert unchanged.ask("block", "2001:db8::66/128")["changed"] is False
        assert unchanged.ask("unblock", "2001:db8::66")["changed"] is True

    @pytest.mark.parametrize("arguments", [["block", STRANGER], ["attach", DEVICE, "lo"], ["detach"],
                                           ["detach", DEVICE]], ids=words)
    def test_a_dry_run_changes_nothing(self, unchanged, arguments):
        assert unchanged.ask(*arguments, "--dry-run")["changed"] is True

    def test_a_dry_run_of_unblock_changes_nothing(self, running):
        running.do("block", STRANGER)
        assert running.ask("unblock", STRANGER, "--dry-run")["changed"] is True
        assert running.ask("unblock", STRANGER)["changed"] is True

    def test_a_dry_run_of_a_mistake_is_a_mistake(self, unchanged):
        unchanged.fails(FAILED, "attach", "nosuch0", "--dry-run")
        unchanged.fails(REFUSED, "block", HOST_V4, "--dry-run")
        unchanged.fails(USAGE, "block", "hello", "--dry-run")

    def test_a_dry_run_without_a_daemon_starts_none(self, lab, guard):
        traces = Traces(lab)
        assert guard.ask("attach", DEVICE, "--dry-run")["changed"] is True
        guard.fails(FAILED, "attach", "nosuch0", "--dry-run")
        traces.check(guard)


class TestNoDaemon:
    @pytest.mark.parametrize("arguments", [["status"], ["flows"], ["flows", "--json"], ["top", "--once"],
                                           ["top", "--json"], ["blocks"], ["block", STRANGER],
                                           ["unblock", STRANGER]], ids=words)
    def test_is_said_with_what_to_do(self, guard, arguments):
        assert "attach" in guard.fails(NOT_RUNNING, *arguments)

    def test_leaves_nothing_where_one_looked_for_it(self, guard):
        guard.run("status")
        guard.run("block", STRANGER)
        assert not guard.run_dir.exists()


class TestPermission:
    @pytest.fixture
    def as_nobody(self):
        """Runs flowguard as a user without any rights, though the program may be in a directory of root's."""
        def ask(guard, *arguments):
            with open(PROGRAM, "rb") as program:
                rest = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                        f"/proc/self/fd/{program.fileno()}", "--instance", guard.instance, *arguments]
                return run(*guard.namespace.command(*rest), check=False, pass_fds=[program.fileno()], cwd="/")
        return ask

    @pytest.mark.parametrize("arguments", [["status"], ["flows"], ["top", "--once"], ["blocks"], ["block", STRANGER],
                                           ["unblock", STRANGER], ["attach", "lo"], ["detach"]], ids=words)
    def test_is_needed_to_talk_to_the_daemon(self, unchanged, as_nobody, arguments):
        done = as_nobody(unchanged, *arguments)
        assert done.returncode == PERMISSION, done.stderr
        assert done.stdout == "" and "root" in done.stderr

    @pytest.mark.parametrize("arguments", [["attach", "lo"], ["detach"], ["daemon"],
                                           ["attach", "lo", "--foreground"]], ids=words)
    def test_is_needed_to_be_one(self, guard, as_nobody, arguments):
        done = as_nobody(guard, *arguments)
        assert done.returncode == PERMISSION, done.stderr
        assert done.stdout == "" and "root" in done.stderr
        assert not guard.run_dir.exists()

    def test_is_not_needed_for_the_version(self, guard, as_nobody):
        assert as_nobody(guard, "version").returncode == DONE


class TestSurroundings:
    @pytest.mark.parametrize("arguments", [["attach", DEVICE], ["daemon"], ["detach"]], ids=words)
    def test_without_a_bpf_file_system(self, lab, guard, arguments):
        traces = Traces(lab)
        unmounted = 'while umount /sys/fs/bpf 2>/dev/null; do :; done; exec "$@"'
        done = run("unshare", "--mount", "sh", "-c", unmounted, "sh", *guard.command(*arguments), check=False)
        assert done.returncode == FAILED
        assert "mount -t bpf" in done.stderr and len(done.stderr.splitlines()) == 1
        traces.check(guard)

    def test_a_full_disk_under_the_answer_is_a_failure(self, running):
        with open("/dev/full", "w") as full:
            done = subprocess.run(running.command("status"), stdin=subprocess.DEVNULL, stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.returncode == FAILED
        assert "standard output" in done.stderr

    def test_a_closed_pipe_ends_a_stream(self, running):
        stream = running.start("top", "--json")
        stream.stdout.readline()
        stream.stdout.close()
        stream.wait(5)

    def test_the_instance_may_come_from_the_environment(self, running):
        command = running.namespace.command(PROGRAM, "--json", "status")
        done = run(*command, env=dict(os.environ, FLOWGUARD_INSTANCE=running.instance))
        assert DEVICE in done.stdout

