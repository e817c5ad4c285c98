# SPDX-License-Identifier: Apache-2.0
"""What flowguard's daemon costs while there is nothing to do, and with little."""
import time

from fglab.flowguard import Flowguard
from fglab.lab import DEVICE, Lab
from fglab.namespace import unique
from leftovers import INSTANCE
import processes
from subject import offer

FLOWS, RATE = 1_000, 10_000
TARGET_CPU_SHARE, TARGET_RSS_MIB = 0.01, 40
START_S = 2


def _during(pid, act):
    """Share of a processor while act() runs, and memory after it."""
    begin, used = time.monotonic(), processes.cpu_seconds([pid])
    act()
    return {"cpu_share": (processes.cpu_seconds([pid]) - used) / (time.monotonic() - begin),
            "rss_mib": processes.memory_mib(pid, "VmRSS"),
            "own_mib": processes.memory_mib(pid, "RssAnon"),
            "mapped_mib": processes.memory_mib(pid, "RssFile")}


def measure(seconds):
    with Lab() as lab:
        guard = Flowguard(lab.host, unique(INSTANCE))
        try:
            guard.attach(DEVICE, mode="native")
            pid = guard.daemon_pid()
            time.sleep(START_S)
            return {"idle": _during(pid, lambda: time.sleep(seconds / 2)),
                    "light": _during(pid, lambda: offer(lab, int(RATE * seconds), "--flows", FLOWS, "--rate", RATE))}
        finally:
            guard.stop_all()
