# SPDX-License-Identifier: Apache-2.0
"""What an instance may leave behind on the machine, and that it has not."""
import contextlib
import pathlib

from . import shell
from .wait import until

OWN_PREFIX = "fg_"


def objects():
    """All programs and maps that are called like flowguard's: {(kind, id): (name, ids of its maps)}."""
    return {(kind, each["id"]): (each["name"], frozenset(each.get("map_ids", ())))
            for kind in ("prog", "map") for each in shell.output_json("bpftool", "-j", kind)
            if each.get("name", "").startswith(OWN_PREFIX)}


def pinned_by_others(guard):
    """Maps of instances whose daemon is dead or alive."""
    return {("map", each["id"]) for each in shell.output_json("bpftool", "-j", "-f", "map")
            if any(guard.pins not in pathlib.Path(pin).parents for pin in each.get("pinned", ()))}


def open_elsewhere(guard):
    """Programs and maps that processes of other instances have open."""
    own = set(map(str, guard.daemon_pids()))
    held = set()
    for info in pathlib.Path("/proc").glob("[0-9]*/fdinfo/*"):
        if info.parts[2] in own:
            continue
        with contextlib.suppress(OSError):
            for line in info.read_text().splitlines():
                name, _, number = line.partition(":")
                if name in ("prog_id", "map_id"):
                    held.add((name.removesuffix("_id"), int(number)))
    return held


def without(found, held):
    """What is left when the others' objects, and programs with a map of theirs, are taken away."""
    maps = {number for kind, number in held if kind == "map"}
    return {key: each for key, each in found.items() if key not in held and not each[1] & maps}


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

    def new_objects(self, guard):
        """Without those of other instances: other tests may run beside this one."""
        found = {key: each for key, each in objects().items() if key not in self.objects}
        return without(found, pinned_by_others(guard) | open_elsewhere(guard)) if found else {}

    def check(self, guard):
        """Nothing of this instance is left. The kernel frees programs a moment after their last user."""
        assert not guard.daemon_pids(), "a process is left"
        assert not pins_of(guard.instance), f"pins are left: {pins_of(guard.instance)}"
        assert not guard.pins.exists(), "the directory of pins is left"
        assert not guard.run_dir.exists(), f"files are left: {sorted(path.name for path in guard.run_dir.iterdir())}"
        until(lambda: not self.new_objects(guard), within_s=3, what=f"an end of {self.new_objects(guard)}")

    def check_lab(self):
        assert self.device_state() == self.on_devices, "something is left on a device"


def pins_of(instance):
    root = pathlib.Path("/sys/fs/bpf/flowguard") / instance
    return sorted(path.name for path in root.iterdir()) if root.exists() else []
