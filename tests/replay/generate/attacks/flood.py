# SPDX-License-Identifier: Apache-2.0
"""Denial of service: the intensity is a rate unless said otherwise."""

from .. import dns, frames
from ..frames import ACK, RST, SYN
from ..trace import SNAP
from .attack import Attack, Expectation

LENGTH = 20.0
MOST_PACKETS = 120_000


def moments(scene, begin, rate, length=LENGTH):
    """Evenly with some noise; a flood of more packets than the file should hold is shorter."""
    count = min(int(rate * length), MOST_PACKETS)
    draw = scene.random.random
    return [begin + (i + draw()) / rate for i in range(count)]


def syn_flood(scene, begin, rate, sources):
    victim, port = scene.server(10), scene.random.choice((80, 443, 25565))
    attackers = [scene.stranger() for _ in range(sources)]
    when = begin
    for when in moments(scene, begin, rate):
        source, own = scene.random.choice(attackers), scene.random.randrange(1024, 65536)
        scene.trace.add(when, frames.tcp(source, victim, own, port, SYN))
        if scene.random.random() < 0.5:  # until the backlog is full
            scene.trace.add(when + 2e-4, frames.tcp(victim, source, port, own, SYN | ACK))
    return Expectation(when, attackers[0] if sources == 1 else None, victim, "tcp", port)


def udp_flood(scene, begin, rate, sources, size, port=0):
    victim, attackers = scene.server(10), [scene.stranger() for _ in range(sources)]
    when = begin
    for when in moments(scene, begin, rate):
        frame = frames.udp(scene.random.choice(attackers), victim, scene.random.randrange(1024, 65536),
                           port or scene.random.randrange(1, 65536), frames.FILLER[:40], size)
        scene.trace.add(when, frame, 42 + size)
    return Expectation(when, attackers[0] if sources == 1 else None, victim, "udp", port)


def icmp_flood(scene, begin, rate, sources, kind=8, code=0):
    victim, attackers = scene.server(10), [scene.stranger() for _ in range(sources)]
    when = begin
    for index, when in enumerate(moments(scene, begin, rate)):
        source = scene.random.choice(attackers)
        scene.trace.add(when, frames.icmp(source, victim, kind, code, 56, index % 7, index))
        if kind == 8:
            scene.trace.add(when + 1e-4, frames.icmp(victim, source, 0, 0, 56, index % 7, index))
    return Expectation(when, attackers[0] if sources == 1 else None, victim, "icmp")


def amplification(scene, begin, megabits, service, size, fragments=0):
    """Answers that nobody asked for, of many servers, all to one victim."""
    victim, reflectors = scene.server(10), [scene.stranger() for _ in range(120)]
    when, own = begin, scene.random.randrange(1024, 65536)
    answer = dns.response(7, "example.org", dns.TXT, [("example.org", dns.TXT, dns.text(b"x" * 1400))])
    for when in moments(scene, begin, megabits * 1e6 / 8 / (size + fragments * 1480 + 42)):
        reflector = scene.random.choice(reflectors)
        frame = frames.udp(reflector, victim, service, own, answer if service == 53 else frames.FILLER[:40], size)
        scene.trace.add(when, frame[:200], 42 + size)
        for index in range(fragments):
            piece = frames.network(reflector, victim, frames.UDP, 1480, fragment=185 * (index + 1) | 0x2000)
            scene.trace.add(when + 1e-5 * (index + 1), piece, 14 + 1500)
    return Expectation(when, None, victim, "udp")


def fragment_flood(scene, begin, rate, sources):
    victim, attackers = scene.server(10), [scene.stranger() for _ in range(sources)]
    when = begin
    for when in moments(scene, begin, rate):
        offset = scene.random.randrange(1, 180)
        frame = frames.network(scene.random.choice(attackers), victim, scene.random.choice((6, 17)), 480,
                               fragment=offset | 0x2000)
        scene.trace.add(when, frame + frames.FILLER[:40], 14 + 500)
    return Expectation(when, attackers[0] if sources == 1 else None, victim)


def connection_flood(scene, begin, rate, sources):
    """Whole connections with a request each, far more than the sources' number explains."""
    victim, attackers = scene.server(10), [scene.stranger() for _ in range(sources)]
    for when in moments(scene, begin, rate):
        scene.tcp(scene.random.choice(attackers), victim, 80, rtt=0.03).request(when, 220, 900)
    return Expectation(begin + LENGTH, attackers[0] if sources == 1 else None, victim, "tcp", 80)


def slow_connections(scene, begin, count, sources):
    """Requests that never end: a header line now and then on as many connections as the server has."""
    victim, attackers = scene.server(10), [scene.stranger() for _ in range(sources)]
    end = begin + 180
    for index in range(int(count)):
        flow = scene.tcp(scene.random.choice(attackers), victim, 80)
        at = begin + index * min(0.05, 20 / count)
        flow.data(flow.open(at), 0, 200)
        for when in scene.every(15, 0.1, at + scene.random.uniform(8, 15), end):
            flow.data(when, 0, scene.random.randrange(8, 30))
    return Expectation(end, attackers[0] if sources == 1 else None, victim, "tcp", 80)


def outbound(scene, begin, rate, how):
    """A machine of ours takes part in an attack."""
    own, victim = scene.host(), scene.stranger()
    when = begin
    for when in moments(scene, begin, rate):
        if how == "syn":
            port = scene.random.randrange(1024, 65536)
            scene.trace.add(when, frames.tcp(own, victim, port, 80, SYN))
            if scene.random.random() < 0.3:
                scene.trace.add(when + 0.02, frames.tcp(victim, own, 80, port, RST | ACK))
        else:
            port = scene.random.randrange(1, 65536)
            scene.trace.add(when, frames.udp(own, victim, 40000, port, frames.FILLER[:40], 512), 42 + 512)
    return Expectation(when, own, victim, "tcp" if how == "syn" else "udp")


def volume(scene, begin, factor):
    """One client sends far more than anybody did in the hours before."""
    client, server = scene.stranger(), scene.server(10)
    flow = scene.tcp(client, server, 443)
    end = flow.data(flow.open(begin), 0, int(factor * 1e6 * 60 / 8), factor * 1e6)
    return Expectation(end, None, server)


assert SNAP >= 82  # an echo request with its 40 bytes of payload is kept whole

RATES = (10, 30, 100, 300, 1000, 4000)
ATTACKS = [
    Attack("dos.syn_flood/spoofed", "SYN/s", RATES, 1000, LENGTH, lambda s, t, x: syn_flood(s, t, x, 5000)),
    Attack("dos.syn_flood/one", "SYN/s", RATES, 1000, LENGTH, lambda s, t, x: syn_flood(s, t, x, 1)),
    Attack("dos.udp_flood/one", "packets/s", RATES, 4000, LENGTH, lambda s, t, x: udp_flood(s, t, x, 1, 512)),
    Attack("dos.udp_flood/many", "packets/s", RATES, 4000, LENGTH, lambda s, t, x: udp_flood(s, t, x, 3000, 64, 30120),
           ("dos.amplification",)),
    Attack("dos.udp_flood/large", "packets/s", RATES, 4000, LENGTH, lambda s, t, x: udp_flood(s, t, x, 20, 1400, 443),
           ("dos.amplification",)),
    Attack("dos.icmp_flood/one", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: icmp_flood(s, t, x, 1)),
    Attack("dos.icmp_flood/spoofed", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: icmp_flood(s, t, x, 2000)),
    Attack("dos.icmp_flood/unreachable", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: icmp_flood(s, t, x, 1, 3, 3)),
    *(Attack(f"dos.amplification/{name}", "Mbit/s", (0.3, 1, 3, 10, 30), 30, LENGTH,
             lambda s, t, x, port=port, size=size, more=more: amplification(s, t, x, port, size, more),
             ("dos.udp_flood", "dos.fragment_flood"))
      for name, port, size, more in (("dns", 53, 1400, 2), ("ntp", 123, 440, 0), ("memcached", 11211, 1400, 0),
                                     ("ssdp", 1900, 310, 0), ("cldap", 389, 1450, 1))),
    Attack("dos.fragment_flood/one", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: fragment_flood(s, t, x, 1)),
    Attack("dos.fragment_flood/spoofed", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: fragment_flood(s, t, x, 1000)),
    Attack("dos.connection_flood/one", "connections/s", (3, 10, 30, 100, 300, 600), 300, LENGTH,
           lambda s, t, x: connection_flood(s, t, x, 1)),
    Attack("dos.connection_flood/botnet", "connections/s", (10, 30, 100, 300, 600), 600, LENGTH,
           lambda s, t, x: connection_flood(s, t, x, 60)),
    Attack("dos.slow_connections/one", "connections", (20, 50, 100, 200, 500), 200, 180.0,
           lambda s, t, x: slow_connections(s, t, x, 1), ("dos.connection_flood",)),
    Attack("dos.slow_connections/several", "connections", (50, 100, 200, 500), 500, 180.0,
           lambda s, t, x: slow_connections(s, t, x, 8), ("dos.connection_flood",)),
    Attack("dos.outbound/syn", "packets/s", RATES, 1000, LENGTH, lambda s, t, x: outbound(s, t, x, "syn")),
    Attack("dos.outbound/udp", "packets/s", RATES, 4000, LENGTH, lambda s, t, x: outbound(s, t, x, "udp")),
    Attack("dos.volume_spike/upload", "Mbit/s", (10, 50, 200), 200, 60.0, volume, history=True),
]
