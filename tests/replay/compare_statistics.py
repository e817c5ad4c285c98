#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_statistics.py FLOWGUARD [CAPTURE...]: analyze beside 'tshark -q -z conv,ip -z conv,ipv6 -z io,phs'.

Packets of each conversation and protocol must be equal, and bytes as far as tshark prints them: from 10 kB on it rounds
conversations down to whole kB or MB. The sum over the conversations of IPv4 and of IPv6 must be io,phs's, to the byte.
"""

import json
import re
import shutil
import subprocess
import sys

from captures import DIRECTORY, SKIPPED

# A home with many devices, a Windows site, an attack with many sources; none has tunnels, which tshark counts twice.
NAMES = ("benign/iot_homelab_2016-08-22.pcap", "benign/windows_ad_browsing_22min.pcap", "dos/http_slow_ddos_500src.pcap")
CONVERSATION = re.compile(r"^(\S+)\s+<->\s+(\S+)\s+(\d+) (\d+ \S+)\s+(\d+) (\d+ \S+)\s+(\d+) (\d+ \S+)\s")
PROTOCOL = re.compile(r"^( *)(\S+) +frames:(\d+) bytes:(\d+)$")
NETWORKS = {"ip": "IPv4", "ipv6": "IPv6"}
TRANSPORTS = {"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "icmpv6": "IPV6-ICMP", "igmp": "IGMP"}


def as_tshark_prints(size):
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= 10 * unit:
            return f"{size // unit} {name}"
    return f"{size} bytes"


def read_tshark(path):
    """({(a, b): (packets a to b, bytes, packets b to a, bytes)}, {(network, transport or ''): (packets, bytes)})"""
    done = subprocess.run(["tshark", "-n", "-q", "-r", path, "-z", "conv,ip", "-z", "conv,ipv6", "-z", "io,phs"],
                          capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"tshark cannot read {path}: {done.stderr.strip()}")
    conversations, protocols, network, top = {}, {}, "", 0  # top: how deep the network stands; the link type is above it
    for line in done.stdout.splitlines():
        if found := CONVERSATION.match(line):
            a, b, from_b, bytes_b, from_a, bytes_a, _, _ = found.groups()
            conversations[a, b] = (int(from_a), bytes_a, int(from_b), bytes_b)
        elif found := PROTOCOL.match(line):
            depth, name, frames, size = len(found[1]) // 2, found[2], int(found[3]), int(found[4])
            if depth <= top or name in NETWORKS and not network:
                network, top = NETWORKS.get(name, ""), depth
            if network and (depth == top or depth == top + 1 and name in TRANSPORTS):
                key = network, TRANSPORTS[name] if depth > top else ""
                before = protocols.get(key, (0, 0))  # with and without a VLAN tag
                protocols[key] = (before[0] + frames, before[1] + size)
    return conversations, protocols


def read_ours(flowguard, path):
    document = json.loads(subprocess.run([flowguard, "analyze", path, "--json"], capture_output=True, text=True,
                                         check=True).stdout)
    conversations, protocols = {}, {}
    for each in document["conversations"]:
        packets, size = each["packets_from_a"], each["bytes_from_a"]
        conversations[each["a"], each["b"]] = (packets, as_tshark_prints(size), each["packets"] - packets,
                                               as_tshark_prints(each["bytes"] - size))
    for network in document["hierarchy"]:
        protocols[network["name"], ""] = (network["packets"], network["bytes"])
        for each in network["protocols"]:
            protocols[network["name"], each["name"]] = (each["packets"], each["bytes"])
    sums = {name: sum(each["bytes"] for each in document["conversations"] if (":" in each["a"]) == (name == "IPv6"))
            for name in NETWORKS.values()}
    return conversations, protocols, sums


def turned(conversations):
    """Each pair in one order, whoever was first."""
    return {(a, b) if a < b else (b, a): values if a < b else values[2:] + values[:2]
            for (a, b), values in conversations.items()}


def differences(name, theirs, ours):
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key):
            yield f"{name} {' '.join(key)}: tshark {theirs.get(key)}, flowguard {ours.get(key)}"


def compare(flowguard, path):
    their_conversations, their_protocols = read_tshark(path)
    conversations, protocols, sums = read_ours(flowguard, path)
    protocols = {key: value for key, value in protocols.items() if key[0] in NETWORKS.values()}
    wrong = [*differences("conversation", turned(their_conversations), turned(conversations)),
             *differences("protocol", their_protocols, protocols)]
    wrong += [f"conversations of {name} have {sums[name]} bytes, io,phs {size}"
              for (name, transport), (_, size) in their_protocols.items() if not transport and sums[name] != size]
    print(f"{path}: {len(conversations)} conversations, {len(protocols)} protocols, "
          f"{sum(frames for (_, transport), (frames, _) in their_protocols.items() if not transport)} packets: "
          + ("equal" if not wrong else f"{len(wrong)} differences"))
    for line in wrong[:20]:
        print(f"  {line}")
    return not wrong and bool(conversations)


def main():
    flowguard, given = sys.argv[1], sys.argv[2:]
    if not given and not DIRECTORY.is_dir():
        print(f"SKIPPED: no captures: there is no directory {DIRECTORY}; set FG_CAPTURES to one that holds captures")
        return SKIPPED
    if not shutil.which("tshark"):
        raise SystemExit("tshark is not installed; run 'sudo scripts/setup.sh test'")
    return 0 if all([compare(flowguard, path) for path in given or [str(DIRECTORY / name) for name in NAMES]]) else 1


if __name__ == "__main__":
    sys.exit(main())
