# SPDX-License-Identifier: Apache-2.0
"""What people do: browse, call, play, measure their line."""

from ..frames import address
from ..talk import ping


def browse(scene, host, begin, end, services, cache, source=None):
    """Pages of several services each, looked up first, over TLS or QUIC. `source`: the address seen instead of it."""
    random, when = scene.random, begin
    while when < end:
        first = scene.pick(services)
        for service in {first.name: first, **{each.name: each for each in
                                              (scene.pick(services) for _ in range(random.randrange(0, 7)))}}.values():
            at = when + random.expovariate(3)
            if cache.get((host, service.name), -1) < at:
                at = scene.resolve(at, source or host, service)
                cache[host, service.name] = at + random.choice((60, 300, 300, 3600))
            fetch(scene, source or host, service, at)
        when += scene.around(25, 1.0)


def fetch(scene, host, service, when):
    random = scene.random
    six = service.addresses6 and random.random() < 0.6
    client = scene.global6(host) if six else host
    server = random.choice(service.addresses6 if six else service.addresses)
    rate = scene.around(30e6)
    if random.random() < 0.25:
        return quic(scene, client, server, when, scene.size(40_000, 1.5, 8_000_000))
    if six and random.random() < 0.03:  # a broken path: the client goes on with IPv4
        scene.tcp(client, server, 443).unanswered(when, 1)
        client, server = host, random.choice(service.addresses)
        when += 0.3
    for _ in range(random.choice((1, 1, 1, 2, 2, 4, 6))):
        flow = scene.tcp(client, server, 80 if random.random() < 0.05 else 443)
        at = flow.exchange(flow.open(when), 517, 4200)
        for _ in range(min(8, int(random.paretovariate(1)))):
            at = flow.exchange(at, scene.size(700, 0.6), scene.size(12_000, 1.6, 5_000_000), scene.around(0.05), rate)
            at += random.expovariate(1.5)
        kept = at + random.choice((0.1, 5, 15, 60, 60, 115))
        flow.close(kept, side=random.choice((0, 1)), reset=random.random() < 0.15)
        when += random.expovariate(20)
    return None


def quic(scene, client, server, when, size):
    flow, random = scene.udp(client, server, 443), scene.random
    flow.exchange(when, 1250, 1250)
    flow.exchange(when + 0.03, 400, 900)
    gap = 1250 * 8 / scene.around(20e6)
    count = size // 1250
    flow.stream(when + 0.06, when + 0.06 + count * gap, 1, gap, 1250)
    flow.stream(when + 0.07, when + 0.07 + count * gap, 0, gap * 3, 40)
    for at in scene.every(15, 0.1, when + 0.1 + count * gap, when + random.choice((0, 30))):
        flow.exchange(at, 35, 35)


def push_connection(scene, host, server, port=5228):
    """Kept open all day for notifications, with a sign of life every few minutes."""
    flow = scene.tcp(host, server, port)
    at = flow.exchange(flow.open(scene.random.uniform(0, 60)), 900, 3500)
    period = scene.random.choice((120, 240, 300, 540, 1680))
    for when in scene.every(period, 0.02, at):
        flow.exchange(when, 59, 59)
    for when in scene.moments(1 / 700, at):
        flow.data(when, 1, scene.size(600, 0.8, 20_000))


def web_application(scene, host, service, begin, end):
    """An open tab that asks for news: on one connection, or on a new one each time."""
    client, server = host, scene.random.choice(service.addresses)
    if scene.random.random() < 0.6:
        flow = scene.tcp(client, server, 443)
        flow.exchange(flow.open(begin), 517, 4200)
        for when in scene.every(scene.random.choice((10, 30, 60)), 0.05, begin + 1, end):
            flow.exchange(when, scene.size(500, 0.1), scene.size(300, 0.8, 50_000))
        return
    for when in scene.every(scene.random.choice((60, 300)), 0.1, begin, end):
        scene.resolve(when - 0.05, host, service)
        scene.tcp(client, server, 443).request(when, 1200, scene.size(5000, 0.7))


def web(scene, hosts=8):
    services, cache = scene.popular(), {}
    pushes = [scene.stranger() for _ in range(3)]
    for _ in range(hosts):
        host = scene.host()
        push_connection(scene, host, scene.random.choice(pushes))
        for begin, end in scene.sessions():
            browse(scene, host, begin, end, services, cache)
            if scene.random.random() < 0.4:
                web_application(scene, host, scene.pick(services), begin, end)


def nat_gateway(scene, clients=50):
    """A guest network behind one address of ours, and a carrier's address whose many customers use our server."""
    services, cache, source = scene.popular(500), {}, address("192.168.7.1")
    pushes = [scene.stranger() for _ in range(4)]
    for guest in range(clients):
        if guest % 3 == 0:
            push_connection(scene, source, scene.random.choice(pushes))
        for begin, end in scene.sessions(2400, 400):
            browse(scene, bytes((10, 7, 0, guest + 1)), begin, end, services, cache, source)
    carrier, server = scene.stranger(), scene.server(10)
    for when in scene.moments(1 / 4):
        flow = scene.tcp(carrier, server, 443)
        flow.close(flow.exchange(flow.open(when), scene.size(900), scene.size(15_000, 1.2, 2_000_000)) + scene.around(3))
    for when in scene.moments(1 / 400):
        scene.tcp(carrier, server, 22).request(when, 3000, 6000)


def video_calls(scene, calls_an_hour=2):
    for when in scene.every(3600 / calls_an_hour, 0.5, scene.random.uniform(10, 200)):
        host, length = scene.host(), min(scene.around(900, 0.5), 1500)
        direct = scene.random.random() < 0.3
        service = scene.service("zone3.meet.example-calls.com")
        scene.resolve(when, host, service)
        server = scene.stranger() if direct else service.addresses[0]
        control = scene.tcp(host, service.addresses[0], 443)
        control.exchange(control.open(when + 0.1), 2000, 9000)
        for each in scene.every(10, 0.1, when + 1, when + length):
            control.exchange(each, 180, 120)
        media = scene.udp(host, server, scene.random.randrange(20000, 60000) if direct else 8801)
        for again in range(5):
            media.exchange(when + 1 + again * 0.05, 100, 100)
        for side in (0, 1):
            media.stream(when + 2, when + length, side, 1 / 50, 160, scene.random)
            media.stream(when + 2, when + length, side, 1 / 60, scene.random.randrange(900, 1180), scene.random)


def games_and_calls(scene, players=3):
    for _ in range(players):
        host = scene.host()
        for begin, end in scene.sessions(1200, 1200):
            for index in range(60):  # which servers are there, and how far away
                flow = scene.udp(host, scene.stranger(), scene.random.choice((27015, 27016, 27020, 27030)), 51000)
                flow.exchange(begin + index * 0.03, 33, 220 if scene.random.random() < 0.8 else 0)
            play = scene.udp(host, scene.stranger(), 27015)
            play.stream(begin + 20, end, 0, 1 / 30, 90, scene.random)
            play.stream(begin + 20, end, 1, 1 / 30, 210, scene.random)
    phone, provider = scene.host(), scene.stranger()
    sip = scene.udp(phone, provider, 5060, 5060)
    for when in scene.every(30, 0.02):
        sip.exchange(when, 4, 4)
    for when in scene.every(300, 0.02):
        sip.exchange(when, 620, 480)
    for when in scene.moments(4 / 3600):
        voice, length = scene.udp(phone, provider, scene.random.randrange(16384, 32768) & ~1), scene.around(150)
        for side in (0, 1):
            voice.stream(when + 4, when + 4 + length, side, 1 / 50, 172)


def speed_tests(scene, an_hour=2):
    for when in scene.every(3600 / an_hour, 0.5, scene.random.uniform(10, 200)):
        host, server = scene.host(), scene.stranger()
        for _ in range(8):
            near = scene.stranger()
            for again in range(4):
                ping(scene.trace, when + again * 0.1, host, near, rtt=scene.rtt(host, near), sequence=again)
        for side, rate in ((1, 60e6), (0, 25e6)):
            when += 2
            for _ in range(6):
                flow = scene.tcp(host, server, 8080)
                at = flow.exchange(flow.open(when), 300, 300)
                end = flow.data(at, side, int(rate / 8 * 9), rate * scene.random.uniform(0.7, 1.3))
                flow.close(end, reset=True)
            when += 12
