# SPDX-License-Identifier: Apache-2.0
"""Servers of ours at work."""

from .. import dns
from ..frames import text_of
from ..talk import ping


def visitor(scene, server, when, client=None):
    random = scene.random
    flow = scene.tcp(client or scene.stranger(), server, 443)
    at = flow.exchange(flow.open(when), 517, 3800)
    for _ in range(min(6, int(random.paretovariate(1.2)))):
        at = flow.exchange(at, scene.size(800, 0.5), scene.size(7000, 1.1, 150_000)) + scene.around(0.4)
    if random.random() < 0.08:
        return  # gone without a word
    flow.close(at + random.choice((0, 0, 5, 60)), side=random.choice((0, 1)), reset=random.random() < 0.2)


def web_server(scene):
    """Visitors with a rush, a load balancer's checks, a scraper, pings, and connections that are kept open."""
    server, random = scene.server(10), scene.random
    for when in scene.moments(1.5):
        visitor(scene, server, when)
    rush = random.uniform(0, max(1, scene.duration - 200))
    for when in scene.moments(25, rush, rush + 90):  # a link on a front page
        visitor(scene, server, when)
    for balancer in (scene.server(2), scene.server(3)):
        for when in scene.every(5, 0.01):
            scene.tcp(balancer, server, 8080).request(when, 120, 180)
        for when in scene.every(2, 0.01):
            flow = scene.tcp(balancer, server, 443)
            flow.close(flow.open(when))
    watcher = scene.server(5)
    for port in (9100, 9113, 9187):
        flow = scene.tcp(watcher, server, port)
        flow.open(1)
        for when in scene.every(15, 0.01):
            flow.exchange(when, 220, 60_000)
    for sequence, when in enumerate(scene.every(10, 0.01)):
        ping(scene.trace, when, watcher, server, sequence=sequence)
    for _ in range(250):  # web sockets
        flow = scene.tcp(scene.stranger(), server, 443)
        begin = random.uniform(0, scene.duration)
        flow.exchange(flow.open(begin), 900, 3800)
        for when in scene.every(30, 0.02, begin + 1, begin + scene.around(900)):
            flow.exchange(when, 33, 33)


def crawlers(scene):
    """Search engines that read our site, and a job of ours that checks links to others."""
    server, random = scene.server(10), scene.random
    for _ in range(3):
        robot = scene.stranger()
        for begin, end in scene.sessions(1200, 300):
            for when in scene.moments(random.choice((1, 3, 6)), begin, end):
                scene.tcp(robot, server, 443).request(when, 900, scene.size(20_000, 1.0, 1_000_000))
    checker = scene.server(12)
    for begin, end in scene.sessions(1800, 240):
        for when in scene.moments(3, begin, end):
            service = scene.service()
            if random.random() < 0.06:
                scene.ask(when, checker, service.name, rcode=dns.NXDOMAIN)
                continue
            at = scene.resolve(when, checker, service, six=False)
            flow = scene.tcp(checker, service.addresses[0], random.choice((443, 443, 443, 80)))
            if random.random() < 0.06:
                flow.unanswered(at)
            elif random.random() < 0.02:
                flow.refused(at)
            else:
                flow.request(at, 600, scene.size(9000, 1.0, 300_000))


def mail_server(scene):
    """Mail in and out with its look-ups: blocklists, keys and policies in TXT, names of addresses; a log server that
    names a whole network; a virus scanner that asks by hash."""
    server, random = scene.server(25), scene.random
    for when in scene.moments(0.4):
        client = scene.stranger()
        back = ".".join(str(each) for each in reversed(client))
        scene.ask(when, server, f"{back}.in-addr.arpa", dns.PTR,
                  [(f"{back}.in-addr.arpa", dns.PTR, dns.encode_name(f"mail{random.randrange(99)}.{scene.label(8)}.net"))])
        for zone in ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "dnsbl.sorbs.net"):
            listed = random.random() < 0.3
            name = f"{back}.{zone}"
            scene.ask(when + 0.05, server, name, dns.A, [(name, dns.A, b"\x7f\0\0\2")] if listed else [],
                      rcode=0 if listed else dns.NXDOMAIN)
        domain = scene.service().name
        for name, size in ((domain, 120), (f"_dmarc.{domain}", 80), (f"s{random.randrange(9)}._domainkey.{domain}", 410)):
            scene.ask(when + 0.2, server, name, dns.TXT, [(name, dns.TXT, dns.text(scene.label(size).encode()))])
        scene.tcp(client, server, 25).request(when, scene.size(12_000, 1.2, 8_000_000), 900)
    for when in scene.moments(0.1):
        service = scene.service(f"mx.{scene.label(9)}.com")
        scene.ask(when, server, service.name[3:], dns.MX, [(service.name[3:], dns.MX, b"\0\n" + dns.encode_name(service.name))])
        flow = scene.tcp(server, service.addresses[0], 25)
        at = scene.resolve(when + 0.05, server, service)
        if random.random() < 0.07:
            flow.unanswered(at)
        else:
            flow.request(at, scene.size(15_000, 1.2, 8_000_000), 800)
    names_of_network(scene, scene.server(26))
    hashes(scene, server)


def names_of_network(scene, client):
    for begin in scene.every(1800, 0.1):
        block = scene.stranger()
        for low in range(256):
            name = f"{low}.{block[2]}.{block[1]}.{block[0]}.in-addr.arpa"
            known = scene.random.random() < 0.4
            answer = [(name, dns.PTR, dns.encode_name(f"host-{text_of(block).replace('.', '-')}.isp.example"))]
            scene.ask(begin + low * 0.02, client, name, dns.PTR, answer if known else [],
                      rcode=0 if known else dns.NXDOMAIN)


def hashes(scene, client):
    """Names that carry data by design, a few a minute: whether a file is known, and edge servers' random names."""
    for when in scene.moments(1 / 20):
        name = f"{scene.label(26, 'abcdefghijklmnopqrstuvwxyz234567')}.{scene.label(16, '0123456789abcdef')}.avqs.example-av.com"
        scene.ask(when, client, name, dns.A, [(name, dns.A, b"\x7f\0\0\x80")])
    for when in scene.moments(1 / 15):
        name = f"r{scene.random.randrange(9)}---sn-{scene.label(12)}.googlevideo.com"
        scene.ask(when, client, name, dns.A, [(name, dns.A, scene.stranger())])


def databases(scene):
    """Pools that stay, scripts that connect for each page, a fail-over after which all connect at once."""
    random, database, cache = scene.random, scene.server(30), scene.server(31)
    for application in range(4):
        host = scene.server(40 + application)
        for port, server in ((5432, database), (6379, cache)):
            for _ in range(10):
                flow = scene.tcp(host, server, port)
                flow.open(random.uniform(0, 5))
                for when in scene.moments(1 / 20, 6):
                    flow.exchange(when, scene.size(200, 0.6), scene.size(1500, 1.2, 200_000))
    for when in scene.moments(3):
        scene.tcp(scene.server(50), scene.server(32), 3306).request(when, 800, scene.size(3000, 1.0, 200_000))
    again = random.uniform(0, scene.duration)
    for application in range(4):
        for _ in range(100):
            flow = scene.tcp(scene.server(40 + application), database, 5432)
            flow.exchange(flow.open(again + random.uniform(0, 2)), 300, 900)
    copy = scene.tcp(scene.server(33), database, 5432)
    copy.open(1)
    for when in scene.moments(0.5, 2):
        copy.data(when, 1, scene.size(8000, 1.2, 3_000_000))
