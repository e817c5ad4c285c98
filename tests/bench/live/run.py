#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Live frames on one processor: what dropping and monitoring cost, flowguard beside others. Needs root."""
import argparse
import json
import os
import pathlib
import re
import signal
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BUILD = REPOSITORY / "build/release"
sys.dont_write_bytecode = True
sys.path.insert(0, str(REPOSITORY / "tests/netns"))

ROUNDS = 3
SECONDS = {False: {"dropping": 1.5, "monitoring": 5.0, "resting": 20.0},
           True: {"dropping": 0.3, "monitoring": 1.0, "resting": 5.0}}  # --quick


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flowguard", default=BUILD / "userspace/cli/flowguard", help="the program to measure")
    parser.add_argument("--generate", default=BUILD / "tests/bench/generate/fg-generate", help="the traffic source")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"each measures everything once (default {ROUNDS})")
    parser.add_argument("--only", metavar="REGEX", type=re.compile, default="", help="of the names that --list prints")
    parser.add_argument("--list", action="store_true", help="print the names of all measurements, and end")
    parser.add_argument("--long", action="store_true", help="monitor 100,000 flows too")
    parser.add_argument("--quick", action="store_true", help="short measurements, to see that they work")
    parser.add_argument("--cpu", type=int, help="the processor to use (default: the last one)")
    parser.add_argument("--json", action="store_true", help="print one JSON document with every round")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    allowed = os.sched_getaffinity(0)
    given.cpu = max(allowed) if given.cpu is None else given.cpu
    if given.cpu not in allowed:
        parser.error(f"--cpu must be one of {', '.join(map(str, sorted(allowed)))}")
    return given


def check(given):
    if os.geteuid() != 0:
        sys.exit("run.py: network namespaces and BPF need root; run it with sudo")
    for program in (given.flowguard, given.generate):
        if not os.access(program, os.X_OK):
            sys.exit(f"run.py: there is no {program}; build it, or give --flowguard and --generate")


def interrupted(*_):
    """Once: whatever is open is cleaned up in peace."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def measure_all(plan, rounds):
    """{name: [measurement of a round]}, and {name: reason} of what cannot be measured here."""
    from subject import Unavailable
    results, reasons = {measurement.name: [] for measurement in plan}, {}
    for number in range(1, rounds + 1):
        for measurement in plan:
            if measurement.name in reasons:
                continue
            print(f"round {number} of {rounds}: {measurement.name}", file=sys.stderr, flush=True)
            try:
                results[measurement.name].append(measurement.run())
            except Unavailable as reason:
                reasons[measurement.name] = str(reason)
    return results, reasons


def main():
    given = arguments()
    # fglab reads these when it is imported.
    os.environ["FLOWGUARD"], os.environ["FG_GENERATE"] = str(given.flowguard), str(given.generate)
    import leftovers
    import machine
    import report
    plan = [each for each in report.plan(SECONDS[given.quick], given.long) if re.search(given.only, each.name)]
    if given.list:
        print(*(each.name for each in plan), sep="\n")
        return
    check(given)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    described = machine.describe(given.cpu, str(given.flowguard))
    os.sched_setaffinity(0, {given.cpu})
    try:
        results, reasons = measure_all(plan, given.rounds)
    finally:
        leftovers.remove()
    if given.json:
        print(json.dumps(report.document(described, plan, results, reasons), indent=1))
    else:
        print("\n".join(report.lines(described, plan, results, reasons)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("run.py: interrupted; everything it started has ended")
