# SPDX-License-Identifier: Apache-2.0
"""Command and control. The intensity is how regular it is, in per cent: 100 less the jitter."""

from ..frames import address
from .attack import Attack, Expectation


def beacon(scene, begin, regularity, period, count, how):
    source, peer = scene.host(), scene.stranger()
    kept = scene.tcp(source, peer, 8443)
    datagrams, when = scene.udp(source, peer, 4444), begin
    for index in range(count):
        up, down = 310 + scene.random.randrange(0, 30), 180
        if scene.random.random() < 0.05:
            down = scene.size(4000, 1.0, 60_000)  # something to do
        if how == "https":
            flow = scene.tcp(source, peer, 443)
            flow.close(flow.exchange(flow.exchange(flow.open(when), 517, 2300), up, down))
        elif how == "http":
            scene.tcp(source, peer, 80).request(when, up, down)
        elif how == "kept":
            at = when if index else kept.open(when)
            kept.exchange(at, up, down)
        else:
            datagrams.exchange(when, 64, 96)
        jitter = 1 - regularity / 100
        when += period * (1 + jitter * scene.random.uniform(-1, 1))
    return Expectation(when, source, peer, "udp" if how == "udp" else "tcp")


def reputation(scene, begin, connections):
    """Somebody on a list; which one, the file beside the capture says."""
    source, peer = scene.host(), address("198.51.100.66")
    for index in range(int(connections)):
        scene.tcp(source, peer, 443).request(begin + index * 20, 700, 2400)
    return Expectation(begin + connections * 20, source, peer, "tcp", 443)


REGULARITY = (20, 50, 70, 80, 90, 98)
ATTACKS = [
    *(Attack(f"c2.beacon/{how}-{period}s", "% regular", REGULARITY, 98, period * count,
             lambda s, t, x, period=period, count=count, how=how: beacon(s, t, x, period, count, how))
      for how, period, count in (("https", 60, 40), ("https", 10, 60), ("http", 60, 40), ("http", 5, 100),
                                 ("kept", 60, 40), ("udp", 60, 40), ("https", 300, 20))),
    Attack("reputation.blacklisted/https", "connections", (1, 3), 1, 60.0, reputation, history=True),
]
