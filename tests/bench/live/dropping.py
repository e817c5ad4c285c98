# SPDX-License-Identifier: Apache-2.0
"""What a frame costs if its source is blocked (hit), and if only others are (miss)."""
import contextlib
import ipaddress
import json
import pathlib
import re
import tempfile

from fglab import api, foreign, shell, stack
from fglab.flowguard import Flowguard
from fglab.lab import DEVICE, Lab
from fglab.namespace import unique
from leftovers import INSTANCE
from subject import Subject, Unavailable, offer

SOURCES = 1_000
HIT, MISS = "hit", "miss"
PREFIXES = {HIT: "198.18.0.0/16", MISS: "198.19.0.0/16"}
NOBODY = ipaddress.IPv4Address("100.64.0.0")  # further addresses on a list, which send nothing
WARM_UP = 200_000

# XDP programs that do nothing else.
BARE = """
__attribute__((section("xdp"), used)) int bare(void *context) { return %d; }
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""
XDP_DROP, XDP_PASS = 1, 2
XDP_FILTER_STATE = pathlib.Path("/sys/fs/bpf/xdp-filter")
LIBXDP_STATE = pathlib.Path("/sys/fs/bpf/xdp")


def blocklist(entries):
    """The sources of the hits, and others up to this number."""
    first = ipaddress.IPv4Address(PREFIXES[HIT].partition("/")[0])
    sources = [str(first + i) for i in range(min(SOURCES, entries))]
    return sources + [str(NOBODY + i) for i in range(entries - len(sources))]


@contextlib.contextmanager
def nothing(lab, _):
    yield lambda: 0


def _driver_drops(device):
    """Frames that an XDP program has dropped, by the statistics of veth."""
    shown = device.namespace.run("ethtool", "-S", device.name).stdout
    return sum(int(count) for count in re.findall(r"rx_queue_\d+_xdp_drops: (\d+)", shown))


def _bare(verdict):
    @contextlib.contextmanager
    def install(lab, _):
        with tempfile.TemporaryDirectory() as directory:
            foreign.attach_xdp(lab.device, foreign.compile_bpf(directory, BARE % verdict))
        yield lambda: _driver_drops(lab.device)
    return install


def _fill_xdp_filter(lab, addresses):
    """As its tool does it, once; the others alike, because starting the tool takes long."""
    lab.host.run("xdp-filter", "ip", "-m", "src", addresses[0])
    entries = XDP_FILTER_STATE / "filter_ipv4"
    [first] = shell.output_json("bpftool", "-j", "map", "dump", "pinned", entries)
    value = " ".join(first["values"][0]["value"])
    with tempfile.NamedTemporaryFile("w") as batch:
        for address in addresses[1:]:
            batch.write(f"map update pinned {entries} key {address.replace('.', ' ')} value hex {value}\n")
        batch.flush()
        shell.run("bpftool", "batch", "file", batch.name)


@contextlib.contextmanager
def xdp_filter(lab, addresses):
    """By its own tool, whose state is the whole host's: nobody else may be using it."""
    if XDP_FILTER_STATE.exists():
        raise Unavailable(f"{XDP_FILTER_STATE} exists: somebody uses it on this host")
    libxdp_was_used = LIBXDP_STATE.exists()
    try:
        loaded = lab.host.run("xdp-filter", "load", "-m", "native", "-p", "allow", "-f", "ipv4", DEVICE, check=False)
        if loaded.returncode != 0:
            raise Unavailable((loaded.stderr or loaded.stdout).strip().splitlines()[-1])
        _fill_xdp_filter(lab, addresses)
        yield lambda: int(re.search(r"XDP_DROP\s+(\d+) pkts", lab.host.run("xdp-filter", "status").stdout)[1])
    finally:
        lab.host.run("xdp-filter", "unload", "--all", check=False)
        if not libxdp_was_used and LIBXDP_STATE.exists():
            LIBXDP_STATE.rmdir()


@contextlib.contextmanager
def flowguard(lab, addresses):
    guard = Flowguard(lab.host, unique(INSTANCE))
    try:
        guard.attach(DEVICE, mode="native")
        # Starting the command line a thousand times would take longer than the benchmark.
        for address in addresses:
            api.post(guard.run_dir / "control.sock", "/v1/blocks", {"target": address, "directions": "in"})
        yield lambda: guard.settled(DEVICE)["rx"]["dropped_packets"]
    finally:
        guard.stop_all()


NFT_TABLE = """
table netdev bench {{
    set listed {{
        type ipv4_addr
        size {size}
        elements = {{ {elements} }}
    }}
    chain ingress {{
        type filter hook ingress device {device} priority 0
        ip saddr @listed counter drop
    }}
}}
"""


@contextlib.contextmanager
def nftables(lab, addresses):
    """At netdev ingress, the earliest that it can be."""
    def dropped():
        listing = json.loads(lab.host.run("nft", "-j", "list", "chain", "netdev", "bench", "ingress").stdout)
        expressions = [part for item in listing["nftables"] for part in item.get("rule", {}).get("expr", [])]
        return next(part["counter"]["packets"] for part in expressions if "counter" in part)

    table = NFT_TABLE.format(size=len(addresses), elements=", ".join(addresses), device=DEVICE)
    lab.host.run("nft", "-f", "-", input=table)
    yield dropped


@contextlib.contextmanager
def ipset(lab, addresses):
    """In the raw table, before connection tracking."""
    def dropped():
        rules = lab.host.run("iptables", "-t", "raw", "-nvxL", "PREROUTING").stdout
        return next(int(line.split()[0]) for line in rules.splitlines() if "match-set listed" in line)

    commands = [f"create listed hash:ip maxelem {max(65536, len(addresses))}"]
    lab.host.run("ipset", "restore", input="\n".join(commands + [f"add listed {each}" for each in addresses]) + "\n")
    lab.host.run("iptables", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", "listed", "src", "-j", "DROP")
    yield dropped


PEER = "nftables"
SHORT, LONG = 1_000, 100_000
# xdp-filter's list ends at 10,000 addresses; flowguard takes one at a time. What longer lists cost them in the kernel
# is in tests/bench/datapath.
SUBJECTS = [  # what, with lists of which length, measured on what
    (Subject("no firewall", (), nothing), (0,), (MISS,)),
    (Subject("bare XDP_PASS", ("clang", "bpftool"), _bare(XDP_PASS)), (0,), (MISS,)),
    (Subject("bare XDP_DROP", ("clang", "bpftool"), _bare(XDP_DROP)), (0,), (HIT,)),
    (Subject("xdp-filter", ("xdp-filter", "bpftool"), xdp_filter), (SHORT,), (HIT, MISS)),
    (Subject("flowguard", (), flowguard), (SHORT,), (HIT, MISS)),
    (Subject(PEER, ("nft",), nftables), (SHORT, LONG), (HIT, MISS)),
    (Subject("iptables raw, ipset", ("iptables", "ipset"), ipset), (SHORT, LONG), (HIT, MISS)),
]


def _measure_case(lab, case, dropped, seconds):
    options = ["--flows", SOURCES, "--src", PREFIXES[case]]
    packets = int(offer(lab, WARM_UP, *options)["pps"] * seconds)
    drops, seen = dropped(), stack.seen(lab.device)
    sent = offer(lab, packets, *options)
    lab.device.quiet_counters()
    drops, seen = dropped() - drops, stack.seen(lab.device) - seen
    delivered = sent["delivered"]
    assert drops == (delivered if case == HIT else 0), f"{drops:,} of {delivered:,} dropped in case '{case}'"
    # A raw table drops after the stack has begun to count.
    assert case == HIT or seen == delivered, f"{seen:,} of {delivered:,} reached the stack in case '{case}'"
    return {"ns": sent["seconds"] / delivered * 1e9, "delivered": delivered, "refused": sent["refused"],
            "dropped": drops, "passed": seen}


def measure(subject, entries, cases, seconds):
    """{case: measurement} of one subject with a list of this length."""
    subject.check_installed()
    with Lab() as lab:
        lab.device.features(gro="on")
        with subject.install(lab, blocklist(entries)) as dropped:
            return {case: _measure_case(lab, case, dropped, seconds) for case in cases}
