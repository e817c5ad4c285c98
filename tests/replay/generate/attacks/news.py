# SPDX-License-Identifier: Apache-2.0
"""What was never there before: most of it needs a learnt baseline to be told."""

from .attack import Attack, Expectation


def reverse_shell(scene, begin, minutes, port=4444):
    """A machine of ours calls out on an odd port, and somebody types on the other end."""
    source, peer = scene.old_host(), scene.stranger()
    flow = scene.tcp(source, peer, port)
    when, end = flow.open(begin), begin + minutes * 60
    while when < end:
        when = flow.data(when, 1, scene.random.randrange(4, 40))
        when = flow.data(when + 0.02, 0, scene.size(900, 1.2, 200_000)) + scene.around(8, 0.9)
    flow.close(when)
    return Expectation(end, source, peer, "tcp", port)


def listener(scene, begin, minutes, port=31337):
    """A stranger uses a service that a machine of ours did not have."""
    source, own = scene.stranger(), scene.old_host()
    flow = scene.tcp(source, own, port)
    when, end = flow.open(begin), begin + minutes * 60
    while when < end:
        when = flow.exchange(when, scene.random.randrange(4, 60), scene.size(900, 1.2, 200_000)) + scene.around(8, 0.9)
    flow.close(when)
    return Expectation(end, None, own, "tcp", port)


def destination(scene, begin, megabytes):
    source, peer = scene.old_host(), scene.stranger()
    end = scene.tcp(source, peer, 443).request(begin, int(megabytes * 1e6), 40_000)
    return Expectation(end, source, peer, "tcp", 443)


def protocol_shift(scene, begin, megabits, length=300.0):
    """A site of TCP sends UDP, evenly to several, none of it a flood."""
    source = scene.old_host()
    for _ in range(6):
        flow = scene.udp(source, scene.stranger(), scene.random.randrange(1024, 65536))
        flow.stream(begin, begin + length, 0, 6 * 1000 * 8 / (megabits * 1e6), 1000)
        flow.stream(begin, begin + length, 1, 6 * 1000 * 8 / (megabits * 1e6), 1000)
    return Expectation(begin + length, None, None)


ATTACKS = [
    Attack("novelty.port/reverse-shell", "minutes", (1, 3, 10), 10, 600.0, reverse_shell, history=True),
    Attack("novelty.listener/backdoor", "minutes", (1, 3, 10), 10, 600.0, listener, history=True),
    Attack("novelty.destination/https", "MB", (0.1, 1, 10), 10, 60.0, destination, history=True),
    Attack("mix.protocol/udp", "Mbit/s", (0.5, 1, 3), 3, 300.0, protocol_shift, history=True),
]
