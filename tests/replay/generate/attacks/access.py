# SPDX-License-Identifier: Apache-2.0
"""Looking for a way in: scans and guessed passwords."""

from .. import frames
from ..frames import FIN, PSH, RST, ACK, SYN, URG
from ..talk import ping
from .attack import Attack, Expectation

COMMON = (21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 443, 445, 993, 995, 1433, 1723, 3306, 3389, 5900, 8080)
OPEN = {22, 80, 443}


def ports(scene, count):
    others = scene.random.sample(range(1, 65536), count)
    return [*COMMON, *others][:count] if count > len(COMMON) else scene.random.sample(COMMON, count)


def probe_tcp(scene, when, source, target, port, flags, is_open, quiet):
    """One probe and what comes back: an open port, a closed one, or nothing, if a firewall is in between."""
    own = scene.random.randrange(32768, 61000)
    scene.trace.add(when, frames.tcp(source, target, own, port, flags))
    if flags == SYN and is_open:
        scene.trace.add(when + 0.01, frames.tcp(target, source, port, own, SYN | ACK))
        scene.trace.add(when + 0.02, frames.tcp(source, target, own, port, RST))
    elif not quiet and not is_open:
        scene.trace.add(when + 0.01, frames.tcp(target, source, port, own, RST | ACK))


def vertical(scene, begin, count, rate, how="syn", quiet=False, inside=False):
    source, target = (scene.host() if inside else scene.stranger()), scene.server(10)
    when = begin
    for port in ports(scene, int(count)):
        if how == "udp":
            own = scene.random.randrange(32768, 61000)
            scene.trace.add(when, frames.udp(source, target, own, port, b"\0" * 8))
            if not quiet:
                scene.trace.add(when + 0.005, frames.icmp(target, source, 3, 3, 28))
        elif how == "connect" and port in OPEN:
            flow = scene.tcp(source, target, port)
            flow.close(flow.open(when), reset=True)
        else:
            flags = {"fin": FIN, "null": 0, "xmas": FIN | PSH | URG}.get(how, SYN)
            probe_tcp(scene, when, source, target, port, flags, port in OPEN, quiet)
        when += scene.random.uniform(0.6, 1.4) / rate
    return Expectation(when, source, target, "udp" if how == "udp" else "tcp")


def distributed(scene, begin, count):
    """A few ports from each of many sources."""
    target, when = scene.server(10), begin
    sources = [scene.stranger() for _ in range(20)]
    for port in ports(scene, int(count)):
        probe_tcp(scene, when, scene.random.choice(sources), target, port, SYN, port in OPEN, True)
        when += scene.random.uniform(0, 0.2)
    return Expectation(when, None, target, "tcp")


def horizontal(scene, begin, count, rate, port, outward=False, alive=0.1):
    """One port of many hosts: of ours from inside, or of the Internet as a worm does it."""
    source, when = scene.host(), begin
    block = scene.random.randrange(100, 200)
    for index in range(int(count)):
        target = scene.stranger() if outward else bytes((192, 168, block + index // 250, index % 250 + 1))
        if port:
            flow, fate = scene.tcp(source, target, port, rtt=0.002), scene.random.random()
            if fate < alive:
                flow.request(when, 200, 300)
            elif fate < alive + 0.1:
                flow.refused(when)
            else:
                flow.unanswered(when, 1)
        else:
            ping(scene.trace, when, source, target, 32, 0.002, answered=scene.random.random() < alive)
        when += scene.random.uniform(0.6, 1.4) / rate
    return Expectation(when, source, None, "tcp" if port else "icmp", port)


def brute(scene, begin, per_minute, port, lanes, length=120.0, up=2200, down=2600, inside=False):
    """Connections that end after some guesses, one after the other on each lane."""
    source, target = (scene.host() if inside else scene.stranger()), scene.server(10)
    gap = 60 / per_minute
    for lane in range(lanes):
        when = begin + lane * gap
        while when < begin + length:
            flow = scene.tcp(source, target, port, rtt=0.03)
            at = flow.exchange(flow.open(when), up + scene.random.randrange(-40, 40), down, 0.3)
            for _ in range(3):
                at = flow.exchange(at + scene.random.uniform(0.1, 0.5), 120, 80, 0.5)
            flow.close(min(at, when + gap * lanes), side=1)
            when += gap * lanes * scene.random.uniform(0.9, 1.1)
    return Expectation(begin + length, source, target, "tcp", port)


PROBES = (10, 15, 20, 30, 60, 100, 1000)
ATTEMPTS = (2, 5, 10, 20, 60, 200)
ATTACKS = [
    Attack("scan.port/syn", "ports", PROBES, 100, 10.0, lambda s, t, x: vertical(s, t, x, 20)),
    Attack("scan.port/fast", "ports", PROBES, 1000, 5.0, lambda s, t, x: vertical(s, t, x, 500, quiet=True)),
    Attack("scan.port/connect", "ports", PROBES, 100, 10.0, lambda s, t, x: vertical(s, t, x, 20, "connect", inside=True)),
    Attack("scan.port/udp", "ports", PROBES, 100, 30.0, lambda s, t, x: vertical(s, t, x, 5, "udp")),
    Attack("scan.port/xmas", "ports", PROBES, 100, 10.0, lambda s, t, x: vertical(s, t, x, 20, "xmas")),
    Attack("scan.port/null", "ports", PROBES, 100, 10.0, lambda s, t, x: vertical(s, t, x, 20, "null", quiet=True)),
    Attack("scan.port/slow", "ports", (10, 15, 20, 30, 60, 100), 60, 300.0, lambda s, t, x: vertical(s, t, x, 0.2)),
    Attack("scan.port/very-slow", "ports", (10, 20, 30, 60), 60, 1800.0, lambda s, t, x: vertical(s, t, x, 1 / 30)),
    Attack("scan.port/distributed", "ports", (30, 100, 300, 1000), 1000, 60.0, distributed,
           ("scan.host", "dos.syn_flood", "dos.connection_flood")),
    Attack("scan.host/ssh", "hosts", PROBES, 100, 10.0, lambda s, t, x: horizontal(s, t, x, 20, 22)),
    Attack("scan.host/smb", "hosts", PROBES, 100, 10.0, lambda s, t, x: horizontal(s, t, x, 50, 445)),
    Attack("scan.host/ping", "hosts", PROBES, 100, 10.0, lambda s, t, x: horizontal(s, t, x, 50, 0)),
    Attack("scan.host/worm", "hosts", PROBES, 100, 10.0, lambda s, t, x: horizontal(s, t, x, 10, 23, True, 0.03)),
    Attack("scan.host/slow", "hosts", (10, 15, 20, 30, 60, 100), 60, 300.0,
           lambda s, t, x: horizontal(s, t, x, 0.2, 3389)),
    Attack("brute.login/ssh", "attempts/min", ATTEMPTS, 60, 120.0, lambda s, t, x: brute(s, t, x, 22, 4)),
    Attack("brute.login/ssh-one-lane", "attempts/min", ATTEMPTS, 20, 120.0, lambda s, t, x: brute(s, t, x, 22, 1)),
    Attack("brute.login/rdp", "attempts/min", ATTEMPTS, 60, 120.0,
           lambda s, t, x: brute(s, t, x, 3389, 2, up=1500, down=1900)),
    Attack("brute.login/ftp", "attempts/min", ATTEMPTS, 60, 120.0,
           lambda s, t, x: brute(s, t, x, 21, 4, up=30, down=70)),
    Attack("brute.login/inside", "attempts/min", ATTEMPTS, 60, 120.0,
           lambda s, t, x: brute(s, t, x, 22, 4, inside=True)),
    Attack("brute.login/slow", "attempts/min", (0.5, 1, 2, 4), 4, 1500.0,
           lambda s, t, x: brute(s, t, x, 22, 1, length=1500.0)),
]
