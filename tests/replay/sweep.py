#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sweep.py FLOWGUARD -o DIRECTORY [--seeds N] [--benign DIRECTORY]...: what detection sees, and what being more careful would cost.

Makes each attack at each of its intensities, with several seeds, and prints which share was named. Then does the same with
all thresholds a factor lower and higher, beside the false alarms of benign captures (directories with TRUTH.jsonl, and generated
ones), so that the place of the defaults on the curve shows.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import evaluate
from generate import attacks, benign, run, scenario

FACTORS = (0.25, 0.5, 1, 2, 4)
# What makes each detector more careful as it grows.
THRESHOLDS = {
    "brute.login": ("connections", "crowd"),
    "c2.beacon": ("min_bursts",),
    "dos.amplification": ("at_once", "lasting"),
    "dos.connection_flood": ("at_once", "lasting", "per_client"),
    "dos.fragment_flood": ("at_once", "lasting"),
    "dos.icmp_flood": ("at_once", "lasting"),
    "dos.outbound": ("times",),
    "dos.slow_connections": ("connections",),
    "dos.syn_flood": ("at_once", "lasting"),
    "dos.udp_flood": ("at_once", "lasting", "stream"),
    "dos.volume_spike": ("min_bits", "min_packets", "times"),
    "exfil.dns_tunnel": ("min_obsolete_names", "min_data_names", "min_long_names", "min_names", "min_raw_bytes"),
    "exfil.icmp_tunnel": ("min_packets", "min_unordered", "min_longer_replies"),
    "exfil.slow": ("min_bytes",),
    "exfil.volume": ("min_bytes", "min_mail_bytes", "min_tool_bytes", "min_unusual_bytes"),
    "mix.protocol": ("min_bytes", "min_factor"),
    "novelty.destination": ("min_bytes", "min_minutes"),
    "novelty.listener": ("min_flows",),
    "novelty.port": ("min_seconds",),
    "scan.host": ("hosts", "slow_hosts", "busy_hosts"),
    "scan.port": ("ports", "high_ports"),
}
BACKGROUNDS = ("office", "iot", "admin", "dead")


def attack_scenarios(seeds, only):
    made = []
    for index, (name, attack) in enumerate(attacks.ATTACKS.items()):
        for level in attack.levels if only in name else ():
            for seed in range(1, seeds + 1):
                one = run.attack_scenario(name, 1000 * seed + index, BACKGROUNDS[index % len(BACKGROUNDS)], 0.02)
                one.name, one.intensity = f"{one.name}_{level:g}_{seed}", level
                made.append(one)
    return made


def benign_scenarios(hours):
    return [scenario.Scenario(f"benign_{name}", 99, hours, (name,)) for name in benign.PROFILES] if hours else []


def parameters(flowguard):
    """{detector: {parameter: (default, least, most)}}, as the program says itself."""
    shown = subprocess.run([flowguard, "config", "show"], capture_output=True, text=True, check=True).stdout
    found, detector = collections.defaultdict(dict), ""
    for line in shown.splitlines():
        if section := re.match(r'\[detectors\."(.+)"\]', line):
            detector = section[1]
        elif value := re.match(r"(\w+) = (\S+) # (\S+) to ([0-9.e+]+)", line):
            found[detector][value[1]] = tuple(float(each) for each in value.groups()[1:])
    return found


def write_config(path, known, factor):
    lines = []
    for detector, names in THRESHOLDS.items():
        lines.append(f'[detectors."{detector}"]')
        for name in names:
            default, least, most = known[detector][name]
            lines.append(f"{name} = {min(most, max(least, default * factor)):g}".replace("e+", "e"))
    path.write_text("\n".join(lines) + "\n")


def was_named(each):
    first = evaluate.seconds_of(each.document["first"])
    return all(any(evaluate.answers(incident, expectation, first) for incident in each.incidents)
               for expectation in each.truth["expect"])


def print_intensities(runs):
    shares = collections.defaultdict(lambda: collections.defaultdict(list))
    for each in runs:
        shares[each.truth["label"].removeprefix("attack:")][each.truth["intensity"]].append(was_named(each))
    print(f"{'attack':28} share that was named, by intensity")
    for name, levels in shares.items():
        cells = [f"{level:g}: {sum(met)}/{len(met)}" for level, met in sorted(levels.items())]
        print(f"{name:28} {', '.join(cells)} {attacks.ATTACKS[name].unit}")


def recall_by_kind(runs):
    kinds = collections.defaultdict(list)
    for each in runs:
        kinds[each.truth["label"].removeprefix("attack:").partition("/")[0]].append(was_named(each))
    return {kind: (sum(met), len(met)) for kind, met in sorted(kinds.items())}


def false_alarms(runs):
    return collections.Counter(incident["flowguard"]["detector"] for each in runs for incident in each.incidents)


def print_thresholds(results, hours):
    print(f"\nthresholds: share of attacks at all intensities that was named / false alarms in {hours:.1f} benign hours")
    print(f"{'detector':24}" + "".join(f"{f'x {factor:g}':>14}" for factor in results))
    kinds = sorted({kind for recall, _ in results.values() for kind in recall})
    for kind in kinds:
        cells = [f"{recall[kind][0] / recall[kind][1]:.2f} / {alarms[kind]}" for recall, alarms in results.values()]
        print(f"{kind:24}" + "".join(f"{cell:>14}" for cell in cells))
    totals = [(sum(met for met, _ in recall.values()) / sum(all_ for _, all_ in recall.values()), sum(alarms.values()))
              for recall, alarms in results.values()]
    print(f"{'all':24}" + "".join(f"{f'{recall:.2f} / {alarms}':>14}" for recall, alarms in totals))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flowguard", help="the program")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where the traffic is put; a few GB")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    parser.add_argument("--benign", type=Path, action="append", default=[], help="a directory with TRUTH.jsonl")
    parser.add_argument("--hours", type=float, default=0.5, help="of each generated benign profile")
    options = parser.parse_args()
    made = attack_scenarios(options.seeds, options.only) + benign_scenarios(options.hours)
    truths = run.build_all(made, options.output, 2)
    attacked = [(options.output, truth) for truth in truths if not truth["benign"]]
    calm = [(options.output, truth) for truth in truths if truth["benign"]]
    for directory in options.benign:
        lines = (directory / "TRUTH.jsonl").read_text().splitlines()
        calm += [(directory, truth) for truth in map(json.loads, lines) if truth["benign"]]
    hours = sum(min(float(truth["duration"]), 86400.0) for _, truth in calm) / 3600
    known = parameters(options.flowguard)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for factor in FACTORS:
            config = Path(scratch) / "flowguard.toml"
            write_config(config, known, factor)
            runs = evaluate.analyse_all(options.flowguard, attacked, ["--config", str(config)], 2)
            if factor == 1:
                print_intensities(runs)
            calm_runs = evaluate.analyse_all(options.flowguard, calm, ["--config", str(config)], 2)
            results[factor] = recall_by_kind(runs), false_alarms(calm_runs)
    print_thresholds(results, hours)


if __name__ == "__main__":
    sys.exit(main())
