# SPDX-License-Identifier: Apache-2.0
"""A site: its addresses, its resolver, the services of the Internet that it uses, and the rhythm of people."""

import hashlib
import random as randomness

from . import dns, frames
from .talk import Tcp, Udp
from .trace import Trace

WORDS = ("news mail shop cloud map photo bank wiki forum video music travel sport weather code paper game book auto "
         "health school market studio garden energy metro radio kitchen island harbor").split()
ENDS = ("com", "net", "org", "io", "de", "fr", "co.uk", "info", "app", "dev")


class Service:
    """Something on the Internet with a name."""

    def __init__(self, name, alias, addresses, addresses6):
        self.name, self.alias, self.addresses, self.addresses6 = name, alias, addresses, addresses6


class Scene:
    BEGIN = 1_750_000_000.0

    def __init__(self, seed, hours, begin=BEGIN, trace=None):
        self.random = randomness.Random(seed)
        self.duration = hours * 3600
        self.trace = trace or Trace(begin)
        self.resolver = frames.address("192.168.1.1")
        self.subnet = 1
        self._next_port = self.random.randrange(32768, 60000)
        self._next_host = 20
        self.hosts = []  # those given so far
        self._services = []

    # Addresses

    def host(self, subnet=None):
        """A new address of ours."""
        self._next_host += 1
        block, low = divmod(self._next_host, 220)
        self.hosts.append(bytes((192, 168, (subnet or self.subnet) + block, low + 10)))
        return self.hosts[-1]

    def old_host(self):
        """One that others know already, if there is any: what is new of a host that is new itself says nothing."""
        return self.random.choice(self.hosts) if self.hosts else self.host()

    def server(self, low):
        return bytes((192, 168, 10, low))

    def global6(self, host):
        """The IPv6 address of a host of ours, from the prefix that the site was given."""
        return frames.address("2001:db8:77:1::") [:12] + host

    def stranger(self):
        draw = self.random.randrange
        while True:
            first = draw(1, 224)
            if first not in (10, 100, 127, 169, 172, 192, 198, 203):
                return bytes((first, draw(256), draw(256), draw(1, 255)))

    def port(self):
        """A client's port, as Linux gives them: odd steps upwards, never soon again."""
        self._next_port += self.random.choice((2, 2, 2, 4, 6, 10))
        if self._next_port > 60998:
            self._next_port = 32768 + self._next_port % 2
        return self._next_port

    # Connections

    def rtt(self, client, server):
        near = client[:2] == server[:2] if len(client) == 4 else False
        return self.random.lognormvariate(-7.6, 0.4) if near else self.random.lognormvariate(-3.7, 0.5)

    def tcp(self, client, server, port, source_port=None, rtt=None):
        return Tcp(self.trace, client, server, source_port or self.port(), port,
                   self.rtt(client, server) if rtt is None else rtt)

    def udp(self, client, server, port, source_port=None):
        return Udp(self.trace, client, server, source_port or self.port(), port)

    # Rhythm

    def around(self, median, sigma=0.8):
        """Heavy-tailed, as thinking, sizes and pauses of people are."""
        return self.random.lognormvariate(0, sigma) * median

    def size(self, median, sigma=1.2, most=200_000_000):
        return int(min(most, max(64, self.around(median, sigma))))

    def moments(self, rate, begin=0.0, end=None):
        """A Poisson process: `rate` a second."""
        when, end = begin, self.duration if end is None else end
        while True:
            when += self.random.expovariate(rate)
            if when >= end:
                return
            yield when

    def every(self, period, jitter=0.0, begin=None, end=None):
        """A timer, each time late by up to `jitter` of its period."""
        when = self.random.uniform(0, period) if begin is None else begin
        end = self.duration if end is None else end
        while when < end:
            yield when + self.random.random() * jitter * period
            when += period

    def sessions(self, pause=900.0, length=600.0):
        """When a person is at work: (begin, end), with heavy-tailed lengths and pauses."""
        when = self.random.uniform(0, pause)
        while when < self.duration:
            end = when + self.around(length)
            yield when, min(end, self.duration)
            when = end + self.around(pause)

    # Names

    def label(self, length=12, alphabet="abcdefghijklmnopqrstuvwxyz0123456789"):
        return "".join(self.random.choices(alphabet, k=length))

    def service(self, name=None, alias=None, addresses=None):
        draw = self.random
        name = name or f"{draw.choice(('www', 'api', 'cdn', 'static', 'img'))}.{draw.choice(WORDS)}{draw.randrange(99)}.{draw.choice(ENDS)}"
        if addresses is None:
            addresses = [self.stranger() for _ in range(draw.choice((1, 1, 2, 4)))]
        seed = hashlib.sha256(name.encode()).digest()
        addresses6 = [frames.address("2a00:1450::")[:8] + seed[:8]] if draw.random() < 0.3 else []
        return Service(name, alias, addresses, addresses6)

    def popular(self, count=300):
        """Services in order of popularity, some behind a content network that many share."""
        edges = [self.stranger() for _ in range(12)]
        while len(self._services) < count:
            cdn = self.random.random() < 0.45
            alias = f"d{self.label(13)}.cloudfront.net" if cdn and self.random.random() < 0.5 else None
            self._services.append(self.service(alias=alias, addresses=self.random.sample(edges, 2) if cdn else None))
        return self._services

    def pick(self, services):
        """By Zipf's law, about."""
        return services[min(len(services) - 1, int(self.random.paretovariate(0.6)) - 1)]

    def ask(self, when, client, name, kind=dns.A, answers=(), rcode=0, resolver=None, delay=None):
        """A question and its answer; gives when it came."""
        resolver = resolver or self.resolver
        port, identifier = self.random.randrange(1024, 65536), self.random.randrange(65536)
        delay = self.around(0.012) if delay is None else delay
        self.trace.add(when, frames.udp(client, resolver, port, 53, dns.query(identifier, name, kind)))
        self.trace.add(when + delay, frames.udp(resolver, client, 53, port,
                                                dns.response(identifier, name, kind, answers, rcode)))
        return when + delay

    def resolve(self, when, client, service, six=True):
        """A and AAAA, as programs ask; gives when both are known."""
        own, alias = service.alias or service.name, []
        if service.alias:
            alias = [(service.name, dns.CNAME, dns.encode_name(service.alias))]
        if six:
            self.ask(when + 1e-4, client, service.name, dns.AAAA,
                     alias + [(own, dns.AAAA, each) for each in service.addresses6])
        return self.ask(when, client, service.name, dns.A, alias + [(own, dns.A, each) for each in service.addresses])
