#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Capture files from the page cache: `flowguard analyze` beside what else makes flows or statistics of them.

Each subject reads the same file on one processor; all subjects take turns. CPU is user and system time.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import frames

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))
import machine  # noqa: E402
import tables  # noqa: E402

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "build/release/userspace/cli/flowguard"
TARGET_MPPS = 3
PACKETS = 5_000_000
SLOW_PACKETS = 250_000  # for tshark, which takes minutes for more
CASES = {  # name: (flows, packets a second of capture time)
    "1,000 flows, 1 Mpps": (1_000, 1_000_000),
    "10,000 flows, 1 Mpps": (10_000, 1_000_000),
    "100,000 flows, 1 Mpps": (100_000, 1_000_000),
    "100,000 flows, 100 kpps": (100_000, 100_000),
}
PEER = "flowguard"
HEAD = ["subject", "packets", "CPU s", "Mpps", "RSS MiB", f"{PEER}/it"]


class Subject:
    def __init__(self, name, command, slow=False):
        self.name = name
        self.command = command  # of a file and a directory to write to
        self.slow = slow


def subjects(flowguard):
    return [
        Subject("flowguard", lambda file, _: [flowguard, "analyze", file, "--json", "-n", "10"]),
        Subject("nfpcapd", lambda file, out: ["nfpcapd", "-r", file, "-w", out]),
        Subject("tshark", lambda file, _: ["tshark", "-n", "-q", "-r", file, "-z", "conv,ip"], slow=True),
    ]


def measure(command, cpu):
    """CPU seconds and memory of one run. Its output is read by nobody."""
    def prepare():
        os.sched_setaffinity(0, {cpu})
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             preexec_fn=prepare)
    errors = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"run.py: {command[0]} failed with exit code {child.returncode}: {errors.strip()}")
    return {"cpu_seconds": usage.ru_utime + usage.ru_stime, "rss_mib": usage.ru_maxrss / 1024}


def round_of(files, given):
    """{(case, subject): what it took}."""
    measured = {}
    for case, (whole, short) in files.items():
        for subject in subjects(given.flowguard):
            if not shutil.which(subject.command("", "")[0]):
                continue
            packets, file = (SLOW_PACKETS, short) if subject.slow else (given.packets, whole)
            with tempfile.TemporaryDirectory() as out:
                took = measure(subject.command(file, out), given.cpu)
            measured[case, subject.name] = {"packets": packets, **took, "mpps": packets / took["cpu_seconds"] / 1e6}
    return measured


def grown(given, directory):
    """Memory for a file, and for one of ten times its length."""
    rows = []
    for factor in (1, 10):
        file = f"{directory}/grown.pcap"
        frames.write(file, given.packets * factor // 5, 10_000, 100_000)
        took = measure([given.flowguard, "analyze", file, "--json", "-n", "10"], given.cpu)
        rows.append({"packets": given.packets * factor // 5, "file_mib": os.path.getsize(file) / 2 ** 20, **took})
        os.unlink(file)
    return rows


def lines(described, rounds, growth):
    yield from machine.lines(described)
    for case in CASES:
        rows = []
        for name in dict.fromkeys(subject for found, subject in rounds[0] if found == case):
            own, peer = ([each[case, subject] for each in rounds] for subject in (name, PEER))
            rows.append([name, f"{own[0]['packets']:,}",
                         *(tables.number(tables.median(own, lambda each, f=field: each[f]), digits)
                           for field, digits in (("cpu_seconds", 2), ("mpps", 2), ("rss_mib", 1))),
                         tables.number(tables.ratio(peer, own, lambda each: each["mpps"]), 2, "x")])
        yield from ("", f"{case} of capture time, frames of 64 bytes", *tables.text(HEAD, rows))
    yield from ("", "Memory of flowguard, 10,000 flows at 100 kpps",
                *tables.text(["packets", "file MiB", "RSS MiB"],
                             [[f"{each['packets']:,}", tables.number(each["file_mib"], 0),
                               tables.number(each["rss_mib"], 1)] for each in growth]))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flowguard", default=str(PROGRAM), help="the program to measure")
    parser.add_argument("--rounds", type=int, default=3, help="each measures everything once (default 3)")
    parser.add_argument("--packets", type=int, default=PACKETS, help=f"of each file (default {PACKETS:,})")
    parser.add_argument("--only", metavar="REGEX", type=re.compile, default="", help="of the names of cases")
    parser.add_argument("--json", action="store_true", help="print one JSON document with every round")
    given = parser.parse_args()
    given.cpu = max(os.sched_getaffinity(0))
    if given.packets < SLOW_PACKETS:
        parser.error(f"--packets must be at least {SLOW_PACKETS:,}")
    return given


def main():
    given = arguments()
    described = machine.describe(given.cpu, given.flowguard)
    cases = {name: case for name, case in CASES.items() if re.search(given.only, name)}
    CASES.clear()
    CASES.update(cases)
    with tempfile.TemporaryDirectory(prefix="fg-analyze-") as directory:
        files = {}
        for number, (name, (flows, rate)) in enumerate(cases.items()):
            files[name] = f"{directory}/{number}.pcap", f"{directory}/{number}-short.pcap"
            frames.write(files[name][0], given.packets, flows, rate)
            frames.write(files[name][1], SLOW_PACKETS, flows, rate)
        rounds = [round_of(files, given) for _ in range(given.rounds)]
        growth = grown(given, directory)
    if given.json:
        print(json.dumps({"machine": described, "growth": growth, "rounds": [
            [{"case": case, "subject": subject, **took} for (case, subject), took in each.items()] for each in rounds]}))
        return
    print("\n".join(lines(described, rounds, growth)))
    slowest = min(statistics.median(each[case, PEER]["mpps"] for each in rounds) for case in cases)
    print(f"\nThe aim is {TARGET_MPPS} Mpps; the slowest case made {slowest:.2f}.")


if __name__ == "__main__":
    main()
