# SPDX-License-Identifier: Apache-2.0
"""A capture with its truth: benign traffic, and an attack at some time within it."""

import dataclasses
import json

from . import attacks, benign
from .scene import Scene
from .trace import Trace


@dataclasses.dataclass
class Scenario:
    name: str
    seed: int
    hours: float
    benign: tuple = ()  # names of profiles
    attack: str = ""  # name in attacks.ATTACKS
    intensity: float | None = None  # None: the clear one
    into: object = None  # Path of a capture, in place of profiles
    soft: bool = False
    before: str = ""  # a capture beside it to learn from, see build_before()


BEFORE_HOURS = 1.2  # what is called normal is trusted once an hour of it was seen
BLACKLISTED = "198.51.100.66"


def build_before(name, seed, profiles, directory):
    """What was normal before an attack that only a memory can tell."""
    scene = Scene(seed, BEFORE_HOURS)
    for each in profiles:
        benign.PROFILES[each](scene)
    scene.trace.sort(scene.duration)
    scene.trace.write(directory / name)


def build(scenario, directory):
    """Writes NAME.pcap, and gives its line of TRUTH.jsonl."""
    trace = Trace.read(scenario.into) if scenario.into else None
    begin = Scene.BEGIN + (BEFORE_HOURS * 3600 if scenario.before else 0)
    scene = Scene(scenario.seed, scenario.hours, begin=begin, trace=trace)
    if trace and trace.records:
        scene.duration = max(1.0, max(each[0] for each in trace.records))
    for name in scenario.benign:
        benign.PROFILES[name](scene)
    expectations = []
    if scenario.attack:
        attack = attacks.ATTACKS[scenario.attack]
        # Not in the first minute: what came before is part of what an attack has to be told from.
        begin = scene.random.uniform(min(60.0, scene.duration / 4), max(61.0, scene.duration - attack.length - 5))
        intensity = attack.clear if scenario.intensity is None else scenario.intensity
        expected = attack.make(scene, begin, intensity)
        scene.duration = max(scene.duration, expected.end + 5)
        expectations.append((attack, begin, expected))
    scene.trace.sort(scene.duration)
    path = directory / f"{scenario.name}.pcap"
    scene.trace.write(path)
    return truth_of(scenario, scene, path, expectations)


def truth_of(scenario, scene, path, expectations):
    first = scene.trace.first()
    records = scene.trace.records
    return {
        "path": path.name,
        "label": f"attack:{scenario.attack}" if scenario.attack else f"benign:{'+'.join(scenario.benign)}",
        "expect": [each.to_json(attack, begin, first, scenario.soft) for attack, begin, each in expectations],
        "benign": not scenario.attack,
        "duration": f"{records[-1][0] - first:.6f}" if records else "0",
        "packets": len(records),
        "seed": scenario.seed,
        "intensity": scenario.intensity,
        **({"before": scenario.before} if scenario.before else {}),
        **({"feed": [BLACKLISTED]} if scenario.attack.startswith("reputation.") else {}),
    }


def write_truth(directory, truths):
    lines = [json.dumps(each) for each in truths]
    (directory / "TRUTH.jsonl").write_text("\n".join(lines) + "\n")
