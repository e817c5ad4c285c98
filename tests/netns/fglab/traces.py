# SPDX-License-Identifier: Apache-2.0
"""What an instance may leave behind on the machine, and that it has not."""
import pathlib

from . import shell
from .wait import until

OWN_PREFIX = "fg_"


def objects():
    """Ids of all programs and maps that are called like flowguard's."""
    found = set()
    for kind in ("prog", "map"):
        for each in shell.output_json("bpftool", "-j", kind):
            if each.get("name", "").startswith(OWN_PREFIX):
                found.add((kind, each["id"], each["name"]))
    return found


def hooked(namespace):
    """Everything that `bpftool net` shows in a namespace."""
    lists = shell.output_json(*namespace.command("bpftool", "-j", "net"))
    return [entry for group in lists for entries in group.values() for entry in entries]


class Traces:
    """Compares with the moment that it was made."""

    def __init__(self, lab):
        self.lab = lab
        self.objects = objects()
        self.on_devices = self.device_state()

    def device_state(self):
        """Programs on hooks, and queueing disciplines; programs are anonymous, so that a device may be replaced."""
        state = []
        for namespace in (self.lab.host, self.lab.peer):
            programs = [entry.get("name") for entry in hooked(namespace)]
            qdiscs = [qdisc["kind"] for qdisc in shell.output_json("tc", "-n", namespace.name, "-j", "qdisc", "show")
                      if qdisc["kind"] == "clsact"]
            state.append((programs, qdiscs))
        return state

    def new_objects(self):
        return objects() - self.objects

    def check(self, guard):
        """Nothing of this instance is left. The kernel frees programs a moment after their last user."""
        assert not guard.daemon_pids(), "a process is left"
        assert not pins_of(guard.instance), f"pins are left: {pins_of(guard.instance)}"
        assert not guard.pins.exists(), "the directory of pins is left"
        assert not guard.run_dir.exists(), f"files are left: {sorted(path.name for path in guard.run_dir.iterdir())}"
        until(lambda: not self.new_objects(), within_s=3, what=f"an end of {self.new_objects()}")

    def check_lab(self):
        assert self.device_state() == self.on_devices, "something is left on a device"


def pins_of(instance):
    root = pathlib.Path("/sys/fs/bpf/flowguard") / instance
    return sorted(path.name for path in root.iterdir()) if root.exists() else []
