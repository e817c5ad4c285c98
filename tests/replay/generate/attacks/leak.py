# SPDX-License-Identifier: Apache-2.0
"""Data that leaves: by upload, by DNS, by ICMP."""

from .. import dns, frames
from ..trace import SNAP
from .attack import Attack, Expectation

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def upload(scene, begin, megabytes, port, proto="tcp", rate=16e6):
    """To a stranger whom nobody here has spoken with, and whom no name was looked up for."""
    source, peer, size = scene.host(), scene.stranger(), int(megabytes * 1e6)
    if proto == "tcp":
        flow = scene.tcp(source, peer, port)
        end = flow.close(flow.data(flow.exchange(flow.open(begin), 900, 3000), 0, size, rate))
    else:
        flow, gap = scene.udp(source, peer, port), 1250 * 8 / rate
        end = begin + size / 1250 * gap
        flow.stream(begin, end, 0, gap, 1250)
        flow.stream(begin + 0.03, end, 1, gap * 8, 40)
    return Expectation(end, source, peer, proto, port)


def slow_upload(scene, begin, megabytes, length=1500.0):
    """The same in small pieces."""
    source, peer = scene.host(), scene.stranger()
    pieces = 60
    for index in range(pieces):
        when = begin + index * length / pieces + scene.random.uniform(0, 10)
        flow = scene.tcp(source, peer, 443)
        flow.close(flow.data(flow.exchange(flow.open(when), 517, 3000), 0, int(megabytes * 1e6 / pieces), 4e6))
    return Expectation(begin + length, source, peer, "tcp", 443)


def dns_tunnel(scene, begin, rate, kind, direct=False, length=120.0):
    """Data in names upward, in answers downward."""
    source, domain = scene.host(), f"t.{scene.label(7)}.net"
    resolver = scene.stranger() if direct else scene.resolver
    when = begin
    while when < begin + length:
        name = ".".join([scene.label(60, BASE32), scene.label(scene.random.randrange(20, 60), BASE32), domain])
        data = scene.random.randbytes(scene.random.randrange(60, 220))
        answers = {dns.TXT: lambda: [(name, dns.TXT, dns.text(data))], dns.NULL: lambda: [(name, dns.NULL, data)],
                   dns.CNAME: lambda: [(name, dns.CNAME, dns.encode_name(f"{scene.label(60, BASE32)}.{domain}"))],
                   dns.A: lambda: [(name, dns.A, data[:4])]}[kind]()
        scene.ask(when, source, name, kind, answers, resolver=resolver, delay=0.04)
        when += scene.random.expovariate(rate)
    return Expectation(begin + length, source, None, "udp", 53)


def icmp_tunnel(scene, begin, rate, size, length=120.0, ipv6=False):
    """Echo requests that carry packets: of every size, in both directions differently."""
    source, peer = scene.host(), scene.stranger()
    if ipv6:
        source, peer = scene.global6(source), frames.address("2a01:4f8::1")[:12] + peer
    when, sequence = begin, 0
    request, reply = (128, 129) if ipv6 else (8, 0)
    while when < begin + length:
        for at, ends, kind in ((when, (source, peer), request), (when + 0.02, (peer, source), reply)):
            payload = scene.random.choice((size, size, scene.random.randrange(60, size + 1)))
            frame = frames.icmp(*ends, kind, 0, payload, 4711, sequence)
            scene.trace.add(at, frame[:SNAP], frames.header_length(source) + 8 + payload)
        sequence += 1
        when += scene.random.expovariate(rate)
    return Expectation(begin + length, source, peer, "icmpv6" if ipv6 else "icmp")


MEGABYTES = (5, 20, 50, 100, 200, 500)
QUERIES = (0.1, 0.3, 1, 3, 10, 30)
ATTACKS = [
    # To strangers: without a memory of whom one met, each peer is one.
    Attack("exfil.volume/https", "MB", MEGABYTES, 200, 100.0, lambda s, t, x: upload(s, t, x, 443), ("exfil.slow",), True),
    Attack("exfil.volume/odd-port", "MB", MEGABYTES, 200, 100.0, lambda s, t, x: upload(s, t, x, 4433), ("exfil.slow",),
           True),
    Attack("exfil.volume/ssh", "MB", MEGABYTES, 200, 100.0, lambda s, t, x: upload(s, t, x, 22, rate=50e6),
           ("exfil.slow",), True),
    Attack("exfil.volume/udp", "MB", MEGABYTES, 200, 100.0, lambda s, t, x: upload(s, t, x, 51820, "udp"),
           ("exfil.slow",), True),
    Attack("exfil.slow/https", "MB", MEGABYTES, 200, 1500.0, slow_upload, ("exfil.volume",), history=True),
    *(Attack(f"exfil.dns_tunnel/{name}", "queries/s", QUERIES, 10, 120.0,
             lambda s, t, x, kind=kind, direct=direct: dns_tunnel(s, t, x, kind, direct))
      for name, kind, direct in (("txt", dns.TXT, False), ("null", dns.NULL, False), ("cname", dns.CNAME, False),
                                 ("a", dns.A, False), ("direct", dns.TXT, True))),
    Attack("exfil.icmp_tunnel/large", "packets/s", (0.3, 1, 3, 10, 30), 10, 120.0,
           lambda s, t, x: icmp_tunnel(s, t, x, 1400)),
    Attack("exfil.icmp_tunnel/small", "packets/s", (0.3, 1, 3, 10, 30), 30, 120.0,
           lambda s, t, x: icmp_tunnel(s, t, x, 300)),
    Attack("exfil.icmp_tunnel/ipv6", "packets/s", (0.3, 1, 3, 10, 30), 10, 120.0,
           lambda s, t, x: icmp_tunnel(s, t, x, 1400, ipv6=True)),
]
