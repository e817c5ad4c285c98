#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""evaluate.py FLOWGUARD [DIRECTORY]: analyses the captures that TRUTH.jsonl tells of, and scores what was named.

An expectation is met by an incident of a detector that it accepts, that names the source and the victim that it gives,
within its window. A capture that is benign, or looks like an attack and is none, should raise nothing. The time to detect
runs from the begin of the window to the end of the tick in which the incident opened.
"""

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent import futures
from pathlib import Path

import captures

SLACK_S = 3.0  # an incident may begin with the tick that the attack begins in, and end after it was last seen
TIMEOUT_S = 300


@dataclasses.dataclass
class Run:
    truth: dict
    document: dict | None
    error: str
    seconds: float

    @property
    def path(self):
        return self.truth["path"]

    @property
    def incidents(self):
        return self.document["incidents"] if self.document else []


def learn(flowguard, capture, baseline):
    """What was before an attack is normal. Gives the file of the baseline."""
    done = subprocess.run([flowguard, "baseline", "learn", str(capture), "-o", str(baseline)], capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"cannot learn from {capture}: {done.stderr.strip()}")
    return baseline


def analyse_all(flowguard, items, extra, jobs):
    """A Run of each (directory, truth), in order. `extra` are global options."""
    with tempfile.TemporaryDirectory() as scratch, futures.ThreadPoolExecutor(jobs) as pool:
        before = sorted({directory / truth["before"] for directory, truth in items if "before" in truth})
        learnt = {path: learn(flowguard, path, Path(scratch) / str(index)) for index, path in enumerate(before)}

        def one(item):
            directory, truth = item
            options = ["--baseline", str(learnt[directory / truth["before"]])] if "before" in truth else []
            if "feed" not in truth:
                return analyse(flowguard, directory, truth, extra, options)
            with tempfile.NamedTemporaryFile("w", dir=scratch) as feed:
                feed.write("\n".join(truth["feed"]) + "\n")
                feed.flush()
                return analyse(flowguard, directory, truth, extra, [*options, "--feed", f"list={feed.name}"])

        return list(pool.map(one, items))


def analyse(flowguard, directory, truth, extra, options):
    begun = time.monotonic()
    command = [flowguard, *extra, "analyze", str(directory / truth["path"]), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    seconds = time.monotonic() - begun
    try:
        return Run(truth, json.loads(done.stdout), done.stderr.strip(), seconds)
    except json.JSONDecodeError:
        return Run(truth, None, f"exit code {done.returncode}: {done.stderr.strip()}", seconds)


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def accepts(expectation, detector):
    return any(detector.startswith(each) if each.endswith(".") else detector == each for each in expectation["accept"])


def names(incident, role, address):
    own = incident["flowguard"]
    single, several = ("src_ip", "sources") if role == "src" else ("dest_ip", "targets")
    return incident.get(single) == address or address in own[several]


def in_window(incident, expectation, first):
    if "t" not in expectation:
        return True
    begin, end = expectation["t"]
    own = incident["flowguard"]
    return (seconds_of(own["start"]) - first <= end + SLACK_S and seconds_of(own["last"]) - first >= begin - SLACK_S)


def answers(incident, expectation, first):
    """By any of its detectors: what belongs to one cause is one incident."""
    own = incident["flowguard"]
    detectors = [own["detector"], *own.get("related", [])]
    return (any(accepts(expectation, each) for each in detectors)
            and all(names(incident, role, expectation[role]) for role in ("src", "dst") if role in expectation)
            and in_window(incident, expectation, first))


def describe_expectation(expectation):
    fields = [f"{key} {expectation[key]}" for key in ("src", "dst", "proto", "port", "note") if key in expectation]
    return f"{expectation['kind']} ({', '.join(fields)})"


def describe_incident(incident, first):
    own = incident["flowguard"]
    who = f"{incident.get('src_ip', str(own['source_count']) + ' sources')} > {incident.get('dest_ip', '-')}"
    when = f"t={seconds_of(own['start']) - first:.0f}..{seconds_of(own['last']) - first:.0f}"
    port = f":{incident['dest_port']}" if "dest_port" in incident else ""
    return f"{own['detector']} severity {incident['alert']['severity']} {who}{port} {when}: {own['explanation']}"


class Score:
    def __init__(self):
        self.expected = {}  # detector: [met, all]
        self.delays = {}  # detector: seconds until it was named
        self.soft = [0, 0]
        self.misses = []
        self.false_alarms = {"benign": [], "hard negative": []}
        self.hours = {"benign": 0.0, "hard negative": 0.0}
        self.extra = []
        self.errors = []

    def add(self, run):
        if run.document is None:
            self.errors.append(f"{run.path}: {run.error}")
            return
        first = seconds_of(run.document["first"]) if run.document.get("first") else 0.0
        if run.truth["benign"]:
            self.add_benign(run, first)
            return
        answered = set()
        for expectation in run.truth["expect"]:
            met = [each for each in run.incidents if answers(each, expectation, first)]
            answered.update(id(each) for each in met)
            self.add_expectation(run, expectation, met, first)
        self.extra += [f"{run.path}: {describe_incident(each, first)}" for each in run.incidents
                       if id(each) not in answered]

    def add_benign(self, run, first):
        kind = "hard negative" if run.truth["label"].startswith("hardneg") else "benign"
        self.hours[kind] += min(float(run.truth["duration"]), 86400.0) / 3600
        for incident in run.incidents:
            self.false_alarms[kind].append((incident["alert"]["severity"],
                                            f"{run.path}: {describe_incident(incident, first)}"))

    def add_expectation(self, run, expectation, met, first):
        if expectation.get("soft"):
            self.soft[0] += bool(met)
            self.soft[1] += 1
            return
        tally = self.expected.setdefault(expectation["accept"][0], [0, 0])
        tally[0] += bool(met)
        tally[1] += 1
        if met and "t" in expectation:
            named = min(seconds_of(each["flowguard"]["opened"]) for each in met) - first
            self.delays.setdefault(expectation["accept"][0], []).append(max(0.0, named - expectation["t"][0]))
        if not met:
            seen = [describe_incident(each, first) for each in run.incidents][:3]
            self.misses.append(f"{run.path}: {describe_expectation(expectation)}"
                               + "".join(f"\n      instead: {each}" for each in seen))

    def delay(self, name):
        delays = self.delays.get(name)
        return {"delay_median_s": round(statistics.median(delays), 1), "delay_max_s": round(max(delays), 1)} if delays else {}

    def recall(self):
        met = sum(tally[0] for tally in self.expected.values())
        total = sum(tally[1] for tally in self.expected.values())
        return met, total

    def summary(self):
        met, total = self.recall()
        return {
            "recall": met / total if total else None,
            "met": met,
            "expected": total,
            "soft_met": self.soft[0],
            "soft_expected": self.soft[1],
            "detectors": {name: {"met": tally[0], "expected": tally[1], **self.delay(name)}
                          for name, tally in sorted(self.expected.items())},
            "benign_hours": round(self.hours["benign"], 2),
            "benign_alarms": len(self.false_alarms["benign"]),
            "benign_alarms_severity_1_2": sum(severity <= 2 for severity, _ in self.false_alarms["benign"]),
            "hard_negative_hours": round(self.hours["hard negative"], 2),
            "hard_negative_alarms": len(self.false_alarms["hard negative"]),
            "errors": len(self.errors),
        }

    def print(self, verbose):
        summary = self.summary()
        print(f"{'expected detector':28} {'met':>5} {'of':>5}   named after: median, longest")
        for name, tally in summary["detectors"].items():
            delay = f"{tally['delay_median_s']:11.1f} s {tally['delay_max_s']:7.1f} s" if "delay_max_s" in tally else ""
            print(f"{name:28} {tally['met']:5} {tally['expected']:5}{delay}")
        recall = "-" if summary["recall"] is None else f"{summary['recall']:.3f}"
        print(f"{'all that is not soft':28} {summary['met']:5} {summary['expected']:5}   recall {recall}")
        print(f"{'soft':28} {summary['soft_met']:5} {summary['soft_expected']:5}")
        for kind, key in (("benign", "benign"), ("hard negative", "hard_negative")):
            print(f"{kind}: {summary[key + '_alarms']} false incidents in {summary[key + '_hours']} hours"
                  + (f", {summary['benign_alarms_severity_1_2']} of severity 1 or 2" if kind == "benign" else ""))
        self.print_list("Misses", self.misses)
        for kind, alarms in self.false_alarms.items():
            self.print_list(f"False alarms, {kind}", [text for _, text in sorted(alarms)])
        self.print_list("Captures that could not be analysed", self.errors)
        if verbose:
            self.print_list("Incidents beside what was expected, in captures of attacks", self.extra)

    @staticmethod
    def print_list(title, lines):
        if lines:
            print(f"\n{title}")
            for line in lines:
                print(f"  - {line}")


def check_floors(summary, floors):
    """What must not get worse: recall and met expectations of each detector at least, alarms at most."""
    wrong = []
    for name, floor in floors.get("met", {}).items():
        met = summary["detectors"].get(name, {}).get("met", 0)
        if met < floor:
            wrong.append(f"{name} met {met} expectations, and must meet at least {floor}")
    for key, floor in floors.get("at_least", {}).items():
        if summary[key] is None or summary[key] < floor:
            wrong.append(f"{key} is {summary[key]}, and must be at least {floor}")
    for key, most in floors.get("at_most", {}).items():
        if summary[key] > most:
            wrong.append(f"{key} is {summary[key]}, and must be at most {most}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flowguard", help="the program")
    parser.add_argument("directory", type=Path, nargs="?", default=captures.DIRECTORY,
                        help="has TRUTH.jsonl; FG_CAPTURES, or the captures beside the repository")
    parser.add_argument("--only", default="", help="captures whose path contains this")
    parser.add_argument("--config", help="given to flowguard")
    parser.add_argument("--json", type=Path, help="write the summary here, too")
    parser.add_argument("--floors", type=Path, help="JSON of what must not get worse")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", "--verbose", action="store_true", help="incidents beside what was expected, too")
    options = parser.parse_args()
    truth_file = options.directory / "TRUTH.jsonl"
    if not truth_file.exists():
        print(f"SKIPPED: there is no {truth_file}; set FG_CAPTURES to a directory that has captures and their TRUTH.jsonl")
        return captures.SKIPPED
    truths = [json.loads(line) for line in truth_file.read_text().splitlines() if line.strip()]
    truths = [truth for truth in truths if options.only in truth["path"]]
    extra = ["--config", options.config] if options.config else []
    runs = analyse_all(options.flowguard, [(options.directory, truth) for truth in truths], extra, options.jobs)
    score = Score()
    for run in runs:
        score.add(run)
    score.print(options.verbose)
    summary = score.summary()
    slowest = max(runs, key=lambda run: run.seconds)
    print(f"\n{len(runs)} captures in {sum(run.seconds for run in runs):.1f} s of analysis; the slowest was "
          f"{slowest.path} with {slowest.seconds:.1f} s")
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    wrong = check_floors(summary, json.loads(options.floors.read_text())) if options.floors else []
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong or score.errors else 0


if __name__ == "__main__":
    sys.exit(main())
