# SPDX-License-Identifier: Apache-2.0
"""`analyze`: what its document promises, what it does with damaged files, and that it counts as tshark counts."""
import gzip
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from contract import address, check, count, number, only, port, text, time
from fglab.flowguard import DONE, FAILED, PROGRAM, USAGE

SECOND = 10 ** 9
START = 1_700_000_000
ETHERNET, RAW, COOKED, USER13 = 1, 101, 113, 160
OURS, THEIRS = "10.0.0.1", "192.0.2.1"
PROMPT_S = 20

VOLUME = {"packets": count, "bytes": count}
PROTOCOL = {"name": text, **VOLUME, "flows": count}
ANALYSIS = {
    "file": text, **VOLUME, "first?": time, "last?": time, "truncated_packets": count, "flows": count, "losses": {},
    "link_type": lambda value: text(value) or all(map(text, value)), "local": {"how": text, "addresses": [text]},
    "protocols": [PROTOCOL], "hierarchy": [{**PROTOCOL, "protocols": [PROTOCOL]}],
    "endpoints": [{"ip": address, "packets_out": count, "packets_in": count, "bytes_out": count, "bytes_in": count,
                   "peers": count, "domain?": text}],
    "conversations": [{"a": address, "b": address, **VOLUME, "packets_from_a": count, "bytes_from_a": count,
                       "flows": count, "first": time, "last": time}],
    "services": [{"proto": text, "port": port, "clients": count, "flows": count, **VOLUME}],
    "timeline_step_s": number, "timeline": [{"t": time, **VOLUME, "new_flows": count}],
    "incidents": [{"event_type": only("alert"), "timestamp": time}],
}


def ip(source, target, proto, payload):
    four = [bytes(map(int, each.split("."))) for each in (source, target)]
    return struct.pack("!BBHIBBH", 0x45, 0, 20 + len(payload), 0, 64, proto, 0) + four[0] + four[1] + payload


def udp(source, target, sport=1000, dport=53, payload=b"x" * 20):
    return ip(source, target, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def ethernet(packet, kind=0x0800):
    return bytes(12) + struct.pack("!H", kind) + packet


def pcap(frames, link=ETHERNET, begin=START, step_ms=10, snap=1 << 16):
    """A capture of these frames, some milliseconds apart."""
    out = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, snap, link)
    for i, frame in enumerate(frames):
        ms = i * step_ms
        kept = frame[:snap]
        out += struct.pack("<IIII", begin + ms // 1000, ms % 1000 * 1000, len(kept), len(frame)) + kept
    return out


def conversation(packets=20):
    return [ethernet(udp(OURS, THEIRS) if i % 2 == 0 else udp(THEIRS, OURS, 53, 1000)) for i in range(packets)]


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def analyze(*arguments, **options):
    options.setdefault("timeout", PROMPT_S)
    return subprocess.run([PROGRAM, "analyze", *map(str, arguments)], capture_output=True, text="input" not in options,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}, **options)


def document(path, *arguments, code=DONE):
    done = analyze(path, "--json", *arguments)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def capture(tmp_path):
    """Writes a file and gives its path."""
    def write(content, name="it.pcap"):
        path = tmp_path / name
        path.write_bytes(content)
        return path
    return write


class TestDocument:
    def test_shape(self, capture):
        found = document(capture(pcap(conversation() + [ethernet(bytes(28), 0x0806)])))
        check(found, ANALYSIS)
        assert found["packets"] == 21 and found["bytes"] == 20 * 62 + 42
        assert found["link_type"] == "EN10MB" and found["truncated_packets"] == 0 and found["losses"] == {}
        assert found["first"] == "2023-11-14T22:13:20.000000Z" and found["last"] == "2023-11-14T22:13:20.200000Z"
        assert {each["name"]: each["packets"] for each in found["protocols"]} == {"UDP": 20, "ARP": 1}
        assert found["endpoints"][0] == {"ip": OURS, "packets_out": 10, "packets_in": 10, "bytes_out": 620,
                                         "bytes_in": 620, "peers": 1}
        [talk] = found["conversations"]
        assert (talk["a"], talk["b"], talk["packets"], talk["bytes"], talk["flows"]) == (OURS, THEIRS, 20, 1240, 1)
        assert found["services"] == [{"proto": "UDP", "port": 53, "clients": 1, "flows": 1, "packets": 20,
                                      "bytes": 1240}]
        assert sum(each["packets"] for each in found["timeline"]) == 21
        assert sum(each["new_flows"] for each in found["timeline"]) == found["flows"] == 1
        assert found["local"] == {"how": "private addresses", "addresses": []}

    def test_original_lengths_count(self, capture):
        found = document(capture(pcap(conversation(), snap=42)))
        assert found["bytes"] == 20 * 62 and found["truncated_packets"] == 20
        assert found["services"][0]["port"] == 53

    def test_rows(self, capture):
        frames = [ethernet(udp(f"10.0.1.{i}", THEIRS)) for i in range(50)]
        path = capture(pcap(frames))
        assert len(document(path)["endpoints"]) == 51
        assert len(document(path, "-n", 5)["endpoints"]) == 5

    def test_incidents_alone(self, capture):
        found = document(capture(pcap(conversation())), "--incidents")
        assert found["incidents"] == [] and "endpoints" not in found and found["packets"] == 20

    def test_the_same_twice(self, capture):
        path = capture(pcap([ethernet(udp(f"10.0.{i % 7}.{i % 251}", THEIRS, 1000 + i)) for i in range(3000)]))
        assert analyze(path, "--json").stdout == analyze(path, "--json").stdout


class TestInput:
    def test_gzip_and_standard_input(self, capture):
        content = pcap(conversation())
        plain = document(capture(content))
        packed = document(capture(gzip.compress(content), "it.pcap.gz"))
        assert {**packed, "file": ""} == {**plain, "file": ""}
        for given in (content, gzip.compress(content)):
            done = analyze("-", "--json", input=given)
            assert done.returncode == DONE
            assert {**json.loads(done.stdout), "file": ""} == {**plain, "file": ""}

    def test_interfaces_of_different_links(self, capture):
        packet = udp(OURS, THEIRS)
        content = block(0x0a0d0d0a, struct.pack("<IHHQ", 0x1a2b3c4d, 1, 0, 2 ** 64 - 1))
        frames = {ETHERNET: ethernet(packet), RAW: packet, COOKED: bytes(14) + b"\x08\x00" + packet}
        for link in frames:
            content += block(1, struct.pack("<HHI", link, 0, 0))
        for number_, frame in enumerate(frames.values()):
            content += block(6, struct.pack("<IIIII", number_, 0, number_, len(frame), len(frame)) + frame)
        found = document(capture(content, "it.pcapng"))
        assert found["link_type"] == ["EN10MB", "RAW", "LINUX_SLL"]
        assert found["conversations"][0]["packets"] == 3 and found["flows"] == 1
        assert found["bytes"] == sum(map(len, frames.values()))

    def test_filter(self, capture):
        frames = conversation() + [ethernet(udp(OURS, THEIRS, 1000, 123))] * 5
        path = capture(pcap(frames))
        assert document(path, "--filter", "udp port 123")["packets"] == 5
        assert document(path, "--filter", "src host 192.0.2.1")["packets"] == 10
        done = analyze(path, "--filter", "udp and dst prot 53")
        assert done.returncode == USAGE and "at 'prot' (character 13)" in done.stderr and done.stdout == ""

    def test_local(self, capture):
        path = capture(pcap(conversation()))
        assert document(path, "--local", "192.0.2.0/24")["local"] == {"how": "as given", "addresses": ["192.0.2.0/24"]}
        assert analyze(path, "--local", "nonsense").returncode == USAGE

    def test_without_private_addresses_the_busiest_host_is_ours(self, capture):
        frames = [ethernet(udp("198.51.100.9", f"203.0.113.{i % 100}")) for i in range(200)]
        assert document(capture(pcap(frames)))["local"]["addresses"] == ["198.51.100.9"]


class TestDamage:
    """Everything that could be read, the reason on standard error and in the document, and exit code 1."""

    @pytest.mark.parametrize("damage, packets", [
        (lambda whole: whole[:-10], 19), (lambda whole: whole[:24 + 7], 0), (lambda whole: whole + b"\xff" * 100, 20),
    ], ids=["cut", "cut in the first packet", "absurd length"])
    def test_what_came_before(self, capture, damage, packets):
        path = capture(damage(pcap(conversation())))
        done = analyze(path, "--json")
        found = json.loads(done.stdout)
        assert done.returncode == FAILED and found["packets"] == packets
        assert found["damaged"] and found["damaged"] in done.stderr and len(done.stderr.splitlines()) == 1

    def test_padding_behind_gzip(self, capture):
        """Of any length, as 'echo >> FILE' and tapes leave it."""
        whole = gzip.compress(pcap(conversation()))
        for padding in (b"\n", b"\0\0", bytes(512)):
            assert document(capture(whole + padding, "it.pcap.gz"))["packets"] == 20

    def test_cut_gzip(self, capture):
        whole = pcap([ethernet(udp(OURS, THEIRS, 1000 + i)) for i in range(2000)])
        found = document(capture(gzip.compress(whole)[:-2000]), code=FAILED)
        assert "cut" in found["damaged"] and found["packets"] > 500

    @pytest.mark.parametrize("content", [b"", b"x" * 1000, b"\xd4\xc3\xb2\xa1", gzip.compress(b"hello"), b"\x1f\x8b\x08"],
                             ids=["empty", "text", "a cut header", "something in gzip", "a cut gzip header"])
    def test_no_capture(self, capture, content):
        path = capture(content)
        for arguments in ([], ["--json"], ["--flows"]):
            done = analyze(path, *arguments)
            assert done.returncode == FAILED and done.stdout == "" and len(done.stderr.splitlines()) == 1
            assert str(path) in done.stderr

    def test_no_file(self, tmp_path):
        for path in (tmp_path / "none", tmp_path):
            done = analyze(path)
            assert done.returncode == FAILED and done.stdout == "" and len(done.stderr.splitlines()) == 1

    def test_unknown_link(self, capture):
        found = document(capture(pcap([udp(OURS, THEIRS)] * 3, link=USER13)), code=FAILED)
        assert found["protocols"] == [{"name": "not parsed (USER13)", "packets": 3, "bytes": 3 * 48, "flows": 0}]
        assert "USER13" in found["damaged"]

    def test_no_packets(self, capture):
        found = document(capture(pcap([])))
        check(found, ANALYSIS)
        assert found["packets"] == 0 and "first" not in found and found["endpoints"] == []
        assert analyze(capture(pcap([]))).returncode == DONE

    @pytest.mark.parametrize("begin, step_ms", [(0, 10), (2 ** 32 - 1, 0), (START, 0), (START, 10 ** 9), (2 ** 32 - 1, -10 ** 10)],
                             ids=["1970", "2106", "all equal", "leaps", "back"])
    def test_times(self, capture, begin, step_ms):
        found = document(capture(pcap(conversation(), begin=begin, step_ms=step_ms)))
        check(found, ANALYSIS)
        assert found["packets"] == 20 and len(found["timeline"]) <= 300 and found["incidents"] == []


class TestFlows:
    def test_lines(self, capture):
        frames = [ethernet(udp(OURS, THEIRS, 1000 + i)) for i in range(30)]
        done = analyze(capture(pcap(frames, step_ms=5000)), "--flows")
        flows = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(flows) == 30 and {each["src_port"] for each in flows} == set(range(1000, 1030))
        assert {each["event_type"] for each in flows} == {"flow"}
        reasons = [each["flow"]["reason"] for each in flows]
        assert reasons.count("timeout") > 10 and reasons[-1] == "active"
        assert {each["flowguard"]["direction"] for each in flows} == {"out"}

    def test_packets_are_those_of_the_capture(self, capture):
        frames = [ethernet(udp(f"10.1.{i % 5}.{i % 200}", THEIRS, 1000 + i % 900)) for i in range(5000)]
        path = capture(pcap(frames))
        flows = [json.loads(line)["flow"] for line in analyze(path, "--flows", "--json").stdout.splitlines()]
        assert sum(each["pkts_toserver"] + each["pkts_toclient"] for each in flows) == 5000
        assert len(flows) == document(path)["flows"]


class TestText:
    def test_says_it_all(self, capture):
        out = analyze(capture(pcap(conversation()))).stdout
        for word in ("20 packets", "1.24kB", "UDP", OURS, THEIRS, "UDP/53", "ours: private addresses", "No incidents",
                     "Packets over time"):
            assert word in out, out
        assert "\x1b" not in out, "no colour and no progress but on terminals"

    def test_ascii(self, capture):
        done = subprocess.run([PROGRAM, "analyze", capture(pcap(conversation()))], capture_output=True, timeout=PROMPT_S,
                              env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == DONE and max(done.stdout) < 0x80

    def test_names_cannot_write_on_the_terminal(self, capture):
        name = b"\x05ab\x1b[m\x03com\x00"
        answer = struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + name + struct.pack("!HH", 1, 1)
        answer += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes((192, 0, 2, 1))
        out = analyze(capture(pcap([ethernet(udp(THEIRS, OURS, 53, 1000, answer))]))).stdout
        assert "\x1b" not in out


CAPTURES = pathlib.Path(os.environ.get("FG_CAPTURES", "../shared/captures"))
COMPARED = ["benign/iot_homelab_2016-08-22.pcap", "dos/synflood_spoofed_25565.pcap", "bruteforce/ftp_crack_1410conn.pcap"]


def tshark(path, *tables):
    wanted = [word for table in tables for word in ("-z", table)]
    return subprocess.run(["tshark", "-n", "-q", "-r", path, "-o", "ip.defragment:FALSE", *wanted], capture_output=True,
                          text=True, check=True, timeout=300).stdout


def bytes_of(amount, unit):
    return int(amount) * {"bytes": 1, "kB": 1000, "MB": 1000 ** 2}[unit]


@pytest.mark.parametrize("name", COMPARED)
def test_counts_as_tshark_does(name):
    path = CAPTURES / name
    if not path.exists() or not shutil.which("tshark"):
        pytest.skip(f"there is no {path}, or no tshark: set FG_CAPTURES to the directory of captures")
    found = document(path)
    out = tshark(path, "conv,ip", "io,phs", "endpoints,ip")
    # 1.2.3.4 <-> 5.6.7.8   frames bytes   frames bytes   frames bytes   start duration
    talks = {}
    for a, b, *numbers in re.findall(r"^(\S+) +<-> (\S+) " + r" +(\d+) (\d+) (bytes|kB|MB)" * 3, out, re.M):
        talks[frozenset((a, b))] = int(numbers[6]), numbers[7], numbers[8]
    ours = {frozenset((each["a"], each["b"])): each for each in found["conversations"] if ":" not in each["a"]}
    assert talks.keys() == ours.keys()
    for pair, (packets, amount, unit) in talks.items():
        assert ours[pair]["packets"] == packets, pair
        assert ours[pair]["bytes"] // bytes_of(1, unit) == int(amount), pair
    # ip   frames:123 bytes:456
    layers = {layer: (int(frames), int(size))
              for layer, frames, size in re.findall(r"^ +(\w+) +frames:(\d+) bytes:(\d+)", out, re.M)}
    assert next(iter(re.findall(r"^eth +frames:(\d+) bytes:(\d+)", out, re.M))) == (str(found["packets"]),
                                                                                  str(found["bytes"]))
    names = {each["name"]: (each["packets"], each["bytes"]) for each in found["hierarchy"]}
    for layer, network in (("ip", "IPv4"), ("ipv6", "IPv6"), ("arp", "ARP")):
        assert names.get(network) == layers.get(layer)
    # 1.2.3.4   packets bytes   tx packets tx bytes   rx packets rx bytes
    hosts = {host: tuple(map(int, numbers))
             for host, *numbers in re.findall(r"^(\d\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) *$", out, re.M)}
    assert hosts and hosts == {
        each["ip"]: (each["packets_in"] + each["packets_out"], each["bytes_in"] + each["bytes_out"],
                     each["packets_out"], each["bytes_out"], each["packets_in"], each["bytes_in"])
        for each in found["endpoints"] if ":" not in each["ip"]}
