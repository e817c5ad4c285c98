#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py --seed N --hours H [--benign NAME]... [--attack KIND/VARIANT] [--intensity X] -o DIRECTORY

Writes a capture and its line of TRUTH.jsonl (the format that evaluate.py reads). The same arguments give the same bytes.
--list shows profiles and attacks. --suite writes hours of each profile and every attack once, --fast-suite minutes of them, as
the tests use them. What only a memory can tell gets a capture of what was before.
"""

import argparse
import sys
import zlib
from concurrent import futures
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from generate import attacks, benign, scenario  # noqa: E402  (the package is beside this file's directory)


BEFORE = ("before.pcap", ("office", "server"))


def attack_scenario(name, seed, background, share=0.05):
    """Once, at its clear intensity."""
    attack = attacks.ATTACKS[name]
    length = max(0.1, attack.length / 3600 + share)
    history = {"before": BEFORE[0], "benign": BEFORE[1]} if attack.history else {"benign": (background,)}
    return scenario.Scenario("attack_" + name.replace("/", "_"), seed, length, attack=name, **history)


def fast_suite(seed):
    """Minutes of each profile, and each attack at once: what fits into a test."""
    made = [scenario.Scenario(f"benign_{name}", seed, 0.1, (name,)) for name in benign.PROFILES]
    light = ("office", "iot", "admin", "dead")
    names = [name for name, attack in attacks.ATTACKS.items() if attack.length <= 900]
    return made + [attack_scenario(name, seed + index, light[index % len(light)], 0.02) for index, name in enumerate(names)]


def suite(seed):
    """Each profile alone for hours, and each attack once."""
    hours = {"video": 0.5, "server": 0.5, "web": 1.0, "nat": 0.5, "office": 1.0, "game": 0.5, "updates": 1.0, "backup": 1.0,
             "speedtest": 1.0}
    backgrounds = ("web", "office", "iot", "admin", "dns", "dead")
    made = [scenario.Scenario(f"benign_{name}", seed, hours.get(name, 1.0), (name,)) for name in benign.PROFILES]
    return made + [attack_scenario(name, seed + index, backgrounds[index % len(backgrounds)])
                   for index, name in enumerate(attacks.ATTACKS)]


def build_all(scenarios, directory, jobs):
    directory.mkdir(parents=True, exist_ok=True)
    if any(each.before for each in scenarios):
        scenario.build_before(BEFORE[0], scenarios[0].seed, BEFORE[1], directory)
    with futures.ProcessPoolExecutor(jobs) as pool:
        truths = list(pool.map(scenario.build, scenarios, [directory] * len(scenarios)))
    scenario.write_truth(directory, truths)
    return truths


def one(options):
    parts = [*options.benign, options.attack.replace("/", "_"), f"s{options.seed}"]
    if options.intensity is not None:
        parts.insert(-1, f"{options.intensity:g}")
    seed = zlib.crc32(f"{options.seed}/{options.attack}".encode())
    return scenario.Scenario("_".join(each for each in parts if each), seed, options.hours, tuple(options.benign),
                             options.attack, options.intensity, options.into)


def show_list():
    print("benign profiles:", ", ".join(benign.PROFILES))
    for name, attack in attacks.ATTACKS.items():
        levels = ", ".join(f"{each:g}" for each in attack.levels)
        print(f"{name:30} {levels} {attack.unit}; clear: {attack.clear:g}" + ("; needs history" if attack.history else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--suite", action="store_true")
    parser.add_argument("--fast-suite", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--benign", action="append", default=[], choices=[*benign.PROFILES], metavar="NAME")
    parser.add_argument("--attack", default="", choices=["", *attacks.ATTACKS], metavar="KIND/VARIANT")
    parser.add_argument("--intensity", type=float)
    parser.add_argument("--into", type=Path, help="a pcap of Ethernet that the attack is put into")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.list:
        return show_list()
    if not options.output:
        parser.error("where to? -o DIRECTORY")
    made = suite if options.suite else fast_suite if options.fast_suite else None
    scenarios = made(options.seed) if made else [one(options)]
    for truth in build_all(scenarios, options.output, options.jobs):
        print(f"{truth['path']}: {truth['packets']} packets in {float(truth['duration']):.0f} s")
    return None


if __name__ == "__main__":
    sys.exit(main())
