# SPDX-License-Identifier: Apache-2.0
"""Which share of the packets that a device received a monitor has seen, and for how much processor time."""
import contextlib
import csv
import pathlib
import re
import tempfile
import time
from typing import Callable, NamedTuple

from fglab.flowguard import Flowguard
from fglab.lab import DEVICE, Lab
from fglab.namespace import unique
from fglab.wait import until
from leftovers import INSTANCE
import processes
from processes import Child
from subject import Subject, offer

RATES = (250_000, 500_000, 1_000_000, 2_000_000)
FEW_FLOWS, MANY_FLOWS = 1_000, 100_000
NOBODY, PEER = "no monitor", "tcpdump"
BUFFER_MIB = 64  # of those that read from packet sockets: more than each has out of the box
SOFTFLOWD_ENTRIES = 4 * MANY_FLOWS
PMACCTD_ENTRIES = 16_411  # out of the box; it pays for each in advance
SNAP_LENGTH = 128
TICKS_S = 2.2  # flowguard has drained whatever came before
BLOCK_S = 1.2  # Linux hands a block that is not full to tcpdump after a second, its timeout
START_S = 0.5  # a packet socket is there before its filter and its buffer are
PMACCTD = """
daemonize: false
pcap_interface: {device}
pmacctd_pipe_size: {buffer}
plugins: print
aggregate: src_host, dst_host, src_port, dst_port, proto
plugin_pipe_size: 10240000
plugin_buffer_size: 10240
print_cache_entries: {entries}
print_refresh_time: 3600
print_output: csv
print_output_file: {directory}/flows.csv
"""


class Watch(NamedTuple):
    pids: Callable
    settle: Callable  # waits until everything that came has been worked off
    seen: Callable    # {"seen": packets, "in_flows": packets that it has told the flow of, or None}; may end it


@contextlib.contextmanager
def nobody(*_):
    yield Watch(lambda: [], lambda: None, lambda: {"seen": 0, "in_flows": None})


@contextlib.contextmanager
def flowguard(lab, _directory, _flows):
    """Its interface's totals, and the sum over all its flows."""
    guard = Flowguard(lab.host, unique(INSTANCE))

    def seen():
        return {"seen": guard.interface(DEVICE)["rx"]["packets"] - before, "in_flows": _flow_packets(guard.flows())}

    try:
        guard.attach(DEVICE, mode="native")
        before = guard.settled(DEVICE)["rx"]["packets"]
        pid = guard.daemon_pid()
        yield Watch(lambda: [pid], lambda: time.sleep(TICKS_S), seen)
    finally:
        guard.stop_all()


def _flow_packets(rows):
    return sum(row["flow"]["pkts_toserver"] + row["flow"]["pkts_toclient"] for row in rows)


def _wait_for_packet_socket(lab, child):
    def listening():
        child.check_running()
        return len(lab.host.read("packet").splitlines()) > 1

    until(listening, what="a packet socket")
    time.sleep(START_S)


@contextlib.contextmanager
def _packet_reader(lab, directory, *command):
    with Child(lab.host.command(*command), pathlib.Path(directory) / "output") as child:
        _wait_for_packet_socket(lab, child)
        processes.wait_until_quiet(child.pids())
        yield child


def _watch(child, seen):
    def settle():
        time.sleep(BLOCK_S)
        processes.wait_until_quiet(child.pids())

    return Watch(child.pids, settle, seen)


@contextlib.contextmanager
def tcpdump(lab, directory, _flows):
    """Its own statistics when it ends."""
    with _packet_reader(lab, directory, "tcpdump", "-n", "-i", DEVICE, "-s", SNAP_LENGTH, "-B", BUFFER_MIB * 1024,
                        "-w", "/dev/null") as child:
        def seen():
            child.finish()
            return {"seen": int(re.search(r"(\d+) packets captured", child.said())[1]), "in_flows": None}

        yield _watch(child, seen)


@contextlib.contextmanager
def softflowd(lab, directory, _flows):
    """The flows that it holds, as softflowctl tells."""
    control = f"{directory}/control"
    with _packet_reader(lab, directory, "softflowd", "-d", "-i", DEVICE, "-c", control, "-p", f"{directory}/pid",
                        "-m", SOFTFLOWD_ENTRIES, "-B", BUFFER_MIB << 20) as child:
        def seen():
            said = lab.host.run("softflowctl", "-c", control, "statistics").stdout
            flows = lab.host.run("softflowctl", "-c", control, "dump-flows").stdout
            return {"seen": int(re.search(r"Packets processed: (\d+)", said)[1]),
                    "in_flows": sum(map(int, re.findall(r"packets\D*(\d+)", flows)))}

        yield _watch(child, seen)


@contextlib.contextmanager
def pmacctd(lab, directory, flows):
    """The sum over the flows that its print plugin writes at the end."""
    settings = pathlib.Path(directory) / "pmacctd.conf"
    settings.write_text(PMACCTD.format(device=DEVICE, buffer=BUFFER_MIB << 20, entries=max(PMACCTD_ENTRIES, 4 * flows),
                                       directory=directory))
    with _packet_reader(lab, directory, "pmacctd", "-f", settings) as child:
        def seen():
            child.finish()
            with open(f"{directory}/flows.csv", newline="") as file:
                packets = sum(int(row["PACKETS"]) for row in csv.DictReader(file))
            return {"seen": packets, "in_flows": packets}

        yield _watch(child, seen)


@contextlib.contextmanager
def nfpcapd(lab, directory, _flows):
    """What nfdump says of the files that it writes at the end."""
    flows = pathlib.Path(directory) / "flows"
    flows.mkdir()
    with _packet_reader(lab, directory, "nfpcapd", "-i", DEVICE, "-w", flows, "-b", BUFFER_MIB, "-s", SNAP_LENGTH,
                        "-t", 3600) as child:
        def seen():
            child.finish()
            packets = 0
            for file in flows.glob("nfcapd.[0-9]*"):
                said = lab.host.run("nfdump", "-r", file, "-I").stdout
                packets += int(re.search(r"^Packets: (\d+)", said, re.MULTILINE)[1])
            return {"seen": packets, "in_flows": packets}

        yield _watch(child, seen)


SUBJECTS = [
    Subject(NOBODY, (), nobody),
    Subject("flowguard", (), flowguard),
    Subject(PEER, ("tcpdump",), tcpdump),
    Subject("softflowd", ("softflowd", "softflowctl"), softflowd),
    Subject("pmacctd", ("pmacctd",), pmacctd),
    Subject("nfpcapd", ("nfpcapd", "nfdump"), nfpcapd),
]


def measure(subject, rate, flows, seconds):
    subject.check_installed()
    with tempfile.TemporaryDirectory() as directory, Lab() as lab:
        lab.device.features(gro="on")
        with subject.install(lab, directory, flows) as watch:
            received = lab.device.quiet_counters().rx.packets
            used = processes.cpu_seconds(watch.pids())
            sent = offer(lab, int(rate * seconds), "--flows", flows, "--rate", rate)
            watch.settle()
            used = processes.cpu_seconds(watch.pids()) - used
            received = lab.device.quiet_counters().rx.packets - received
            return {"offered": sent["handed"], "delivered": sent["delivered"], "received": received,
                    "mpps": sent["handed"] / sent["seconds"] / 1e6, "cpu_seconds": used, **watch.seen()}
