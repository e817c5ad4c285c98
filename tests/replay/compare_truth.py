#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares flowguard's parser with what independent tools make of the same captures.

usage: compare_truth.py FG_REPLAY [DIRECTORY]

Against tshark: every flow key of every capture, with packets, captured and original bytes. Against zeek, nDPI and
ipfixprobe: every flow that they list. What differs must belong to a named class; the rest fails. Exit code 77: skipped,
because there is no directory of captures.
"""

import collections
import concurrent.futures
import csv
import json
import pathlib
import shutil
import subprocess
import sys

import truth
from captures import DIRECTORY, SKIPPED
from tshark import EXTENSIONS, FRAGMENT, IPV4, IPV6, MALFORMED, NON_IP, TRUNCATED, Key
import tshark

BATCHES = 4
RAW_IP = ("RAW", "IPV4", "IPV6", "NULL", "LOOP")
ATTACHED = ("EN10MB", *RAW_IP)  # link types that flowguard is attached to
ONE_PROTOCOL = ("netbios", "ntp", "rtsp", "sip", "ssdp", "wg")  # plugins of ipfixprobe that export nothing else


class Volumes(dict):
    """Packets and bytes of flows."""

    def add(self, flow, size, packets=1):
        had = self.get(flow, (0, 0))
        self[flow] = had[0] + packets, had[1] + size

    def of(self, flow):
        return self.get(flow, (0, 0))


class Fragments:
    """IPv4 datagrams in pieces: what they are once put together."""

    def __init__(self):
        self.datagrams = {}  # (addresses, protocol, identification): {"flow", "first", "end", "got"}

    def add(self, frame, key, flow):
        more, offset = tshark.first(frame, "ip.flags.mf"), tshark.first(frame, "ip.frag_offset")
        if not more and not offset:
            return
        datagram = self.datagrams.setdefault((key.src, key.dst, key.proto, frame["ip.id"][0]), {"got": 0})
        length = tshark.first(frame, "ip.len")
        payload = length - tshark.first(frame, "ip.hdr_len")
        datagram["got"] += payload
        if not offset:
            datagram.update(flow=flow, first=length)
        if not more:
            datagram["end"] = 8 * offset + payload

    def corrections(self):
        """From first fragments, as flowguard counts them, to whole datagrams. Incomplete ones are not counted at all."""
        volumes = Volumes()
        for datagram in self.datagrams.values():
            if "flow" not in datagram:
                continue
            if datagram["got"] == datagram.get("end"):
                volumes.add(datagram["flow"], 20 + datagram["end"] - datagram["first"], 0)
            else:
                volumes.add(datagram["flow"], -datagram["first"], -1)
        return volumes


class Capture:
    """One capture: what both parsers say of it."""

    def __init__(self, path):
        self.path = path
        self.ours = {}  # Key: (packets, captured bytes, original bytes)
        self.theirs = {}  # likewise
        self.ip_bytes = collections.Counter()  # of each Key, by the length fields that tshark read
        self.inner_pairs = set()
        self.left_out = Volumes()  # what nDPI leaves out by its rules
        self.decapsulated = Volumes()
        self.without_tcp_header = Volumes()  # of the addresses, without ports
        self.fragments = Fragments()
        self.exceptions = collections.Counter()
        self.read_as = {}

    def add_ours(self, line):
        key = Key(line["kind"], line.get("src", ""), line.get("dst", ""), line["proto"], line["sport"], line["dport"],
                  line["flags"], tuple(line["vlan"]))
        self.ours[key] = [line["packets"], line["bytes"], line["wire_bytes"]]

    def add_theirs(self, frame):
        key = tshark.key_of(frame, self.exceptions)
        # fg-replay takes the 4 bytes of a BSD loopback's address family off, as no device has them.
        pseudo = 4 if self.read_as["link"] in ("NULL", "LOOP") else 0
        sums = self.theirs.setdefault(key, [0, 0, 0])
        sums[0] += 1
        sums[1] += int(frame["frame.cap_len"][0]) - pseudo
        sums[2] += int(frame["frame.len"][0]) - pseudo
        self.ip_bytes[key] += tshark.ip_bytes(frame)
        self.inner_pairs |= tshark.inner_pairs(frame)
        if key.kind in (IPV4, IPV6):
            self.note_peculiarities(frame, key)

    def note_peculiarities(self, frame, key):
        flow = truth.flow(*key[1:6])
        length = int(frame["frame.len"][0])
        encapsulates = tshark.encapsulates(frame)
        if encapsulates:
            self.decapsulated.add(flow, length)
        later_fragment, too_long = key.flags & FRAGMENT, tshark.ip_bytes(frame) > length - tshark.link_length(frame)
        no_header = not later_fragment and tshark.lacks_tcp_header(frame)
        if no_header:
            self.without_tcp_header.add(flow._replace(sport=0, dport=0), length)
        if encapsulates or later_fragment or too_long or no_header:
            self.left_out.add(flow, length)
        if key.kind == IPV4:
            self.fragments.add(frame, key, flow)


def read_ours(fg_replay, paths):
    """Captures as flowguard's parser sees them."""
    captures = []
    done = subprocess.run([fg_replay, *paths], capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if '"error":' in line]
    if done.returncode != 0 or errors:
        why = "; ".join(errors) or done.stderr.strip() or "it does not say why"
        raise SystemExit(f"{fg_replay} ended with {done.returncode}: {why}")
    capture = Capture(None)
    for line in map(json.loads, done.stdout.splitlines()):
        if "file" not in line:
            capture.add_ours(line)
            continue
        capture.path, capture.read_as = pathlib.Path(line["file"]), line
        captures.append(capture)
        capture = Capture(None)
    if len(captures) != len(paths):
        raise SystemExit(f"{fg_replay} was given {len(paths)} captures, but has read {len(captures)}")
    return captures


def read_theirs(captures):
    """Adds what tshark sees. Captures are told apart by their numbers of frames, which must add up."""
    frames = tshark.frames([capture.path for capture in captures])
    for capture in captures:
        for _ in range(capture.read_as["frames"]):
            frame = next(frames, None)
            if frame is None:
                raise SystemExit(f"{capture.path}: tshark reads fewer frames than libpcap")
            capture.add_theirs(frame)
    if next(frames, None) is not None:
        raise SystemExit(f"tshark reads more frames than libpcap, in {captures[0].path} or one read after it")
    return captures


def explain_pair(ours, theirs, sums, their_sums, link):
    """Why one key stands for the other; None if nothing here explains it."""
    same_packets = sums[0] == their_sums[0] and sums[2] == their_sums[2]
    if not same_packets:
        return None
    if ours == theirs and sums[1] < their_sums[1]:
        return "snapshot length: libpcap cuts frames that are longer than their file says, tshark does not"
    if sums != their_sums:
        return None
    if theirs.kind == MALFORMED and ours.kind == IPV4 and ours.flags & TRUNCATED:
        return "IPv4 options cut off: flowguard keeps the addresses, tshark gives the packet up"
    if ours.kind == IPV6 and ours.flags & TRUNCATED and ours.proto in EXTENSIONS and theirs[:3] == ours[:3]:
        return "IPv6 extension header cut off: tshark goes by its first byte, flowguard by whole headers"
    if link in RAW_IP and theirs.kind == NON_IP and ours.kind in (IPV4, MALFORMED) and theirs.sport == tshark.LLC:
        return "raw IP: tshark goes by the link type, flowguard by the version; or there is one byte only"
    return None


def differences(capture):
    """Keys that do not agree, as (explanation or None, text)."""
    ours = {key: sums for key, sums in capture.ours.items() if capture.theirs.get(key) != sums}
    theirs = {key: sums for key, sums in capture.theirs.items() if capture.ours.get(key) != sums}
    for key, sums in ours.items():
        for other, other_sums in theirs.items():
            why = explain_pair(key, other, sums, other_sums, capture.read_as["link"])
            if why:
                del theirs[other]
                yield why, sums[0]
                break
        else:
            yield None, f"flowguard {tuple(key)}: {sums}, tshark {capture.theirs.get(key)}"
    for key, sums in theirs.items():
        if key not in capture.ours:
            yield None, f"tshark {tuple(key)}: {sums}, flowguard has no such key"


class Report:
    def __init__(self):
        self.classes = collections.defaultdict(collections.Counter)
        self.failures = []
        self.numbers = collections.Counter()

    def explained(self, against, why, count):
        self.classes[against][why] += count

    def print(self):
        for name, number in self.numbers.items():
            print(f"{name}: {number}")
        for against, classes in self.classes.items():
            print(f"\nExplained differences against {against}:")
            for why, count in sorted(classes.items()):
                print(f"{count:8} {why}")
        for failure in self.failures:
            print(f"UNEXPLAINED {failure}")


def why_left_out(capture):
    """Why a capture is not compared; None if it has to be."""
    if capture.read_as["link"] not in ATTACHED:
        return "link type that flowguard is not attached to"
    if capture.read_as["damage"]:
        return "damaged container, read differently by libpcap and tshark"
    return None


def compare_with_tshark(captures, report):
    left_out = [capture for capture in captures if why_left_out(capture)]
    for capture in left_out:
        report.explained("tshark (captures)", why_left_out(capture), 1)
    whole = [capture for capture in captures if not why_left_out(capture)]
    if not whole:
        report.failures.append(f"none of {len(captures)} captures can be compared")
    batches = [whole[i::BATCHES] for i in range(BATCHES)]
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        done = [capture for batch in pool.map(compare_batch, batches) for capture in batch]
    for capture, differing in done:
        report.numbers["tshark: captures"] += 1
        report.numbers["tshark: frames"] += capture.read_as["frames"]
        report.numbers["tshark: flow keys"] += len(capture.ours)
        for why, count in capture.exceptions.items():
            report.explained("tshark (frames)", why, count)
        for why, what in differing:
            if why:
                report.explained("tshark (frames)", why, what)
            else:
                report.failures.append(f"{capture.path}: {what}")
    return left_out + [capture for capture, _ in done]


def compare_batch(batch):
    return [(capture, list(differences(capture))) for capture in read_theirs(batch)]


def flows_of(capture):
    """{truth.Flow: [packets, frame bytes, IP bytes]}: tags and marks are summed over, as other tools do."""
    flows = collections.defaultdict(lambda: [0, 0, 0])
    for key, (packets, _, size) in capture.ours.items():
        if key.kind in (IPV4, IPV6):
            sums = flows[truth.flow(*key[1:6])]
            sums[0] += packets
            sums[1] += size
            sums[2] += capture.ip_bytes[key]
    return flows


def summed(rows):
    """What timeouts split is put together again."""
    flows = collections.defaultdict(lambda: [0, 0])
    for flow, packets, size in rows:
        flows[flow][0] += packets
        flows[flow][1] += size
    return flows


def compare_with_truth(directory, captures, report):
    if not (directory / "INDEX.tsv").is_file():
        print(f"{directory} has no INDEX.tsv that names results of other tools: compared with tshark alone")
        return
    by_name = {str(capture.path.relative_to(directory)): capture for capture in captures}
    with open(directory / "INDEX.tsv", encoding="utf-8") as index:
        for row in csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE):
            for sidecar in filter(None, (row["truth_sidecars"] or "").split(";")):
                compare_sidecar(by_name.get(row["path"]), row["path"], directory / sidecar, report)


def compare_sidecar(capture, name, path, report):
    if capture is None:
        report.failures.append(f"{name}: {path} has results of it, but there is no such capture")
        return
    tool = path.parent.name
    theirs = summed(truth.READERS[tool](path))
    if not theirs:
        report.explained(f"{tool} (files)", "no packet counts in this file", 1)
        return
    if why_left_out(capture):
        report.explained(f"{tool} (files)", why_left_out(capture), 1)
        return
    ours = flows_of(capture)
    report.numbers[f"{tool}: files"] += 1
    report.numbers[f"{tool}: flows, each way"] += len(theirs)
    for flow, (packets, size) in theirs.items():
        mine = ours.get(flow)
        size_at = 1 if tool == "ndpi" else 2
        if mine and mine[0] == packets and mine[size_at] == size:
            report.numbers[f"{tool}: equal in packets and bytes"] += 1
            continue
        why = explain_flow(capture, tool, flow, mine, (packets, size))
        if why:
            report.explained(f"{tool} (flows)", why, 1)
        else:
            report.failures.append(f"{name}: {tool} {tuple(flow)}: {packets}, {size}; flowguard {mine}")
    for flow in ours.keys() - theirs.keys():
        why = explain_unlisted(capture, path, flow, ours[flow])
        if why:
            report.explained(f"{tool} (flows that it does not list)", why, 1)
        else:
            report.failures.append(f"{name}: {tool} does not list {tuple(flow)}; flowguard {ours[flow]}")


def explain_flow(capture, tool, flow, mine, theirs):
    """Why another tool counts this flow as it does; None if nothing here explains it exactly."""
    if not mine:
        return explain_missing(capture, tool, flow, theirs)
    if tool == "ndpi" and minus(mine[:2], capture.left_out.of(flow)) == theirs:
        return "nDPI leaves out later fragments, IP lengths beyond the frame, and tunnel packets that it enters"
    if tool == "ndpi" and capture.without_tcp_header.of(flow) == theirs:
        return "TCP header not whole: nDPI gives it no ports, flowguard reads them from its first bytes"
    if tool == "zeek" and plus((mine[0], mine[2]), capture.fragments.corrections().of(flow)) == theirs:
        return "zeek counts a fragmented datagram as one packet once it is whole, and not at all before"
    return None


def explain_missing(capture, tool, flow, theirs):
    if {(flow.src, flow.dst), (flow.dst, flow.src)} & capture.inner_pairs:
        return "inside of an encapsulation: flowguard counts the outer packet"
    malformed = [sums for key, sums in capture.ours.items() if key.kind == MALFORMED]
    if tool == "ndpi" and any(theirs[0] <= packets and theirs[1] <= size for packets, _, size in malformed):
        return "malformed IP header: nDPI reads on, flowguard counts it as malformed"
    return None


def explain_unlisted(capture, path, flow, mine):
    """Why another tool does not list what flowguard counts. ipfixprobe's files are called NAME.PLUGIN.csv."""
    tool = path.parent.name
    if tool == "ipfixprobe" and path.stem.rpartition(".")[2] in ONE_PROTOCOL:
        return "ipfixprobe was run with a plugin that exports its own protocol alone"
    if tuple(mine[:2]) == capture.decapsulated.of(flow):
        return f"{tool} lists what is inside of the encapsulation alone"
    if tuple(mine[:2]) == capture.left_out.of(flow):
        return f"{tool} does not list later fragments, IP lengths beyond the frame, or TCP headers that are not whole"
    return None


def plus(volume, other):
    return volume[0] + other[0], volume[1] + other[1]


def minus(volume, other):
    return volume[0] - other[0], volume[1] - other[1]


def main():
    fg_replay = sys.argv[1]
    directory = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else DIRECTORY
    if not directory.is_dir():
        print(f"SKIPPED: no captures: there is no directory {directory}; set FG_CAPTURES to one that holds captures")
        return SKIPPED
    missing = [tool for tool in ("tshark", "mergecap") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not installed; run 'sudo scripts/setup.sh' or install tshark")
    paths = sorted(str(path) for path in directory.rglob("*.pcap*"))
    if not paths:
        raise SystemExit(f"there is no capture in {directory}; set FG_CAPTURES to a directory that holds some")
    report = Report()
    captures = compare_with_tshark(read_ours(fg_replay, paths), report)
    compare_with_truth(directory, captures, report)
    report.print()
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
