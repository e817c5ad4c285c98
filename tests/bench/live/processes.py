# SPDX-License-Identifier: Apache-2.0
"""What processes and a processor have used, and how processes end."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

from fglab.wait import until

CPUCLOCK_SCHED = 2  # include/linux/posix-timers.h: user and system time of all threads, in nanoseconds
QUIET_S = 0.3
QUIET_SHARE = 0.05  # of a processor: who uses less has nothing left to work off
END_S = 10


def cpu_seconds(pids):
    """User and system time, as the sum of both in /proc/PID/stat, but not rounded to ticks."""
    return sum(time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED) for pid in pids)


def _is_quiet(pids):
    before = cpu_seconds(pids)
    time.sleep(QUIET_S)
    return cpu_seconds(pids) - before < QUIET_SHARE * QUIET_S


def wait_until_quiet(pids, within_s=60.0):
    until(lambda: _is_quiet(pids), within_s, what="the end of the monitor's work")


def memory_mib(pid, field):
    """VmRSS, RssAnon and so on."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise AssertionError(f"/proc/{pid}/status has no {field}")


class Child:
    """A program with whatever it starts: they share the session that was made for it."""

    def __init__(self, command, output):
        self.output = pathlib.Path(output)
        with open(self.output, "w") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def pids(self):
        return [int(entry.name) for entry in pathlib.Path("/proc").iterdir()
                if entry.name.isdigit() and self._mine(int(entry.name))]

    def _mine(self, pid):
        with contextlib.suppress(ProcessLookupError):
            return os.getsid(pid) == self.process.pid
        return False

    def said(self):
        return self.output.read_text(errors="replace")

    def check_running(self):
        assert self.process.poll() is None, f"{self.process.args[0]} ended: {self.said().strip()[-300:]}"

    def finish(self, signal_number=signal.SIGINT):
        """Ends it as an administrator would; returns once all its processes are gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        self.process.wait(timeout=END_S)
        until(lambda: not self.pids(), within_s=END_S, what="the end of all processes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
