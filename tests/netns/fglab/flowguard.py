# SPDX-License-Identifier: Apache-2.0
"""flowguard, run in a namespace as an instance of its own."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

from . import api, shell
from .device import NOTHING, Counters, Volume
from .wait import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("FLOWGUARD", str(REPOSITORY / "build/release/userspace/cli/flowguard"))

DONE, FAILED, USAGE, PERMISSION, NOT_RUNNING, REFUSED = range(6)
DIRECTIONS = ("rx", "tx")


def sides(interface):
    """The independent totals of one interface of `status --json`."""
    return Counters(*(Volume(interface[side]["packets"], interface[side]["bytes"]) for side in DIRECTIONS))


def part(interface, name):
    """`flows`, `overflow` or `non_ip` of both directions."""
    counts = interface[name]
    return Counters(*(Volume(counts[f"{side}_packets"], counts[f"{side}_bytes"]) for side in DIRECTIONS))


def assert_accounted(interface):
    """flows + overflow + non-IP == the independent totals."""
    total, parts = sides(interface), [part(interface, name) for name in ("flows", "overflow", "non_ip")]
    whole = Counters(*(sum(volumes, NOTHING) for volumes in zip(*parts)))
    assert whole == total, f"{total} in total, but {whole} in flows, overflow and non-IP"
    assert interface["accounted"] == 1.0, f"accounted is {interface['accounted']}"


class Flowguard:
    def __init__(self, namespace, instance, config=None):
        self.namespace = namespace
        self.instance = instance
        self.config = config
        self.pins = pathlib.Path("/sys/fs/bpf/flowguard") / instance
        self.run_dir = pathlib.Path("/run/flowguard") / instance
        self.log = self.run_dir / "daemon.log"
        self.state_dir = pathlib.Path("/var/lib/flowguard") / instance
        self.children = []

    def command(self, *arguments, program=PROGRAM):
        config = ["--config", self.config] if self.config else []
        return self.namespace.command(program, "--instance", self.instance, *config, *arguments)

    def run(self, *arguments, **options):
        """Any exit code; the caller looks at it."""
        return shell.run(*self.command(*arguments), check=False, **options)

    def start(self, *arguments, **options):
        """In the background; ended by stop_all()."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        child = subprocess.Popen(self.command(*arguments), text=True, stdin=subprocess.DEVNULL, **options)
        self.children.append(child)
        return child

    def do(self, *arguments):
        """Must succeed; returns what it printed."""
        done = self.run(*arguments)
        assert done.returncode == DONE, f"{arguments}: exit code {done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout

    def ask(self, *arguments):
        """Must succeed; returns its JSON document."""
        return json.loads(self.do("--json", *arguments))

    def fails(self, code, *arguments):
        """Must fail with this exit code and one sentence on standard error, which is returned."""
        done = self.run(*arguments)
        assert done.returncode == code, f"{arguments}: exit code {done.returncode}: {done.stderr}{done.stdout}"
        assert done.stdout == "", f"{arguments}: an error belongs on standard error alone"
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, f"{arguments}: no single sentence: {done.stderr!r}"
        assert lines[0].startswith("flowguard: "), lines[0]
        return lines[0]

    def attach(self, *names, mode=None):
        return self.ask("attach", *names, *(["--xdp-mode", mode] if mode else []))

    def detach(self, *names):
        return self.ask("detach", *names)

    def status(self):
        return self.ask("status")

    def interface(self, name):
        return next(each for each in self.status()["interfaces"] if each["name"] == name)

    def flows(self, *arguments):
        return [json.loads(line) for line in self.do("--json", "flows", *arguments).splitlines()]

    def settle(self, ticks=2):
        """Waits until all that was sent before has been drained; returns the status."""
        def status():
            return api.get(self.run_dir / "control.sock", "/v1/status")

        target = status()["daemon"]["ticks"] + ticks
        return until(lambda: (now := status())["daemon"]["ticks"] >= target and now, within_s=10, what=f"{ticks} ticks")

    def settled(self, name):
        return next(each for each in self.settle()["interfaces"] if each["name"] == name)

    def daemon_pids(self):
        """Processes that run this program for this instance."""
        wanted = [b"--instance", self.instance.encode()]
        pids = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"flowguard" in words[0] and any(words[i:i + 2] == wanted for i in range(len(words))):
                pids.append(int(entry.name))
        return pids

    def daemon_pid(self):
        return self.status()["daemon"]["pid"]

    def kill_daemon(self):
        """As the out-of-memory killer would."""
        pid = self.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in self.daemon_pids(), what=f"the end of pid {pid}")

    def stop_all(self):
        """Cleans up whatever a test leaves, also a failed one."""
        self.run("detach")
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        for pid in self.daemon_pids():
            os.kill(pid, signal.SIGKILL)
        self.run("detach")
        shutil.rmtree(self.state_dir, ignore_errors=True)
