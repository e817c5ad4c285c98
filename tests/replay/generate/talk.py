# SPDX-License-Identifier: Apache-2.0
"""Exchanges between two addresses, as packets of a trace."""

from . import frames
from .frames import ACK, FIN, PSH, RST, SYN
from .trace import SNAP

MSS = 1448
OFFLOADED = 16 * MSS  # what a host's own capture shows of a bulk transfer: segments joined by the network card


class Tcp:
    """One connection. Each method takes when it begins and gives when it is over."""

    def __init__(self, trace, client, server, source_port, port, rtt=0.02, ttl=64):
        self.trace, self.rtt = trace, rtt
        self._ends = ((client, server, source_port, port), (server, client, port, source_port))
        self._ttl, self._made = ttl, {}

    def frame(self, side, flags, length):
        key = (side, flags, length)
        made = self._made.get(key)
        if made is None:
            made = frames.tcp(*self._ends[side], flags, length, self._ttl)
            made = self._made[key] = (made[:SNAP], frames.header_length(self._ends[0][0]) + 20 + length
                                      + (4 if flags & SYN else 0))
        return made

    def send(self, when, side, flags, length=0):
        """`side`: 0 is the client, 1 the server."""
        self.trace.records.append((when, *self.frame(side, flags, length)))

    def open(self, when):
        self.send(when, 0, SYN)
        self.send(when + self.rtt, 1, SYN | ACK)
        self.send(when + self.rtt * 1.001 + 2e-6, 0, ACK)
        return when + self.rtt * 1.002 + 4e-6

    def unanswered(self, when, tries=3):
        for again in range(tries):
            self.send(when, 0, SYN)
            when += 1 << again
        return when

    def refused(self, when):
        self.send(when, 0, SYN)
        self.send(when + self.rtt, 1, RST | ACK)
        return when + self.rtt

    def data(self, when, side, length, rate=50e6):
        """`length` bytes with `rate` bits a second, and the other side's acknowledgements."""
        size = OFFLOADED if length > 300_000 else MSS
        whole, rest = divmod(length, size)
        gap = size * 8 / rate
        sent, add = self.frame(side, ACK, size), self.trace.records
        acked = self.frame(1 - side, ACK, 0)
        add.extend([(when + i * gap, *sent) for i in range(whole)])
        add.extend([(when + i * gap + self.rtt, *acked) for i in range(0, whole, 2)])
        when += whole * gap
        if rest:
            self.send(when, side, ACK | PSH, rest)
            self.send(when + self.rtt, 1 - side, ACK)
        return when + self.rtt + 2e-6

    def exchange(self, when, up, down, wait=0.01, rate=50e6):
        """A request and its answer."""
        when = self.data(when, 0, up, rate)
        return self.data(when + wait, 1, down, rate)

    def close(self, when, side=0, reset=False):
        if reset:
            self.send(when, side, RST | ACK)
            return when
        self.send(when, side, FIN | ACK)
        self.send(when + self.rtt, 1 - side, FIN | ACK)
        self.send(when + self.rtt + 2e-6, side, ACK)
        return when + self.rtt

    def request(self, when, up, down, wait=0.01, rate=50e6):
        """A connection for one request."""
        return self.close(self.exchange(self.open(when), up, down, wait, rate))


class Udp:
    def __init__(self, trace, client, server, source_port, port, ttl=64):
        self.trace = trace
        self._ends = ((client, server, source_port, port), (server, client, port, source_port))
        self._ttl, self._made = ttl, {}

    def frame(self, side, length):
        made = self._made.get((side, length))
        if made is None:
            made = frames.udp(*self._ends[side], frames.FILLER[:40], length, self._ttl)
            made = self._made[side, length] = (made, frames.header_length(self._ends[0][0]) + 8 + length)
        return made

    def send(self, when, side, length):
        self.trace.records.append((when, *self.frame(side, length)))

    def stream(self, begin, end, side, gap, length, random=None):
        """Packets of `length` bytes every `gap` seconds, or around it."""
        made, add = self.frame(side, length), self.trace.records
        count = max(0, int((end - begin) / gap))
        if random is None:
            add.extend([(begin + i * gap, *made) for i in range(count)])
        else:
            draw = random.random
            add.extend([(begin + (i + draw() * 0.6) * gap, *made) for i in range(count)])

    def exchange(self, when, up, down, rtt=0.02):
        self.send(when, 0, up)
        if down:
            self.send(when + rtt, 1, down)


def ping(trace, when, client, server, length=56, rtt=0.01, identifier=1, sequence=0, answered=True):
    request, reply = (8, 0) if len(client) == 4 else (128, 129)
    size = frames.header_length(client) + 8 + length
    trace.add(when, frames.icmp(client, server, request, 0, length, identifier, sequence)[:SNAP], size)
    if answered:
        trace.add(when + rtt, frames.icmp(server, client, reply, 0, length, identifier, sequence)[:SNAP], size)
