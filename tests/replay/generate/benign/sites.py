# SPDX-License-Identifier: Apache-2.0
"""Networks of organisations: an office, its administration, its monitoring, and what is left of machines that are gone."""

from .. import dns
from ..frames import address
from ..talk import ping


def announcements(scene, host):
    """Multicast and broadcast of an office's machine."""
    random = scene.random
    for when in scene.moments(1 / 150):
        scene.udp(host, address("224.0.0.251"), 5353, 5353).send(when, 0, random.randrange(40, 400))
        scene.udp(scene.global6(host), address("ff02::fb"), 5353, 5353).send(when + 0.001, 0, random.randrange(40, 400))
    for when in scene.every(120, 0.05):
        flow = scene.udp(host, address("239.255.255.250"), 1900)
        for again in range(4):
            flow.send(when + again, 0, 175)
    for when in scene.moments(1 / 300):
        flow = scene.udp(host, address("224.0.0.252"), 5355)
        flow.send(when, 0, 28)
        flow.send(when + 0.1, 0, 28)
    for when in scene.moments(1 / 240):
        flow = scene.udp(host, bytes((*host[:3], 255)), 137, 137)
        for again in range(3):
            flow.send(when + again * 0.75, 0, 50)
    for when in scene.every(720, 0.02):
        scene.udp(host, bytes((*host[:3], 255)), 138, 138).send(when, 0, 201)
    for when in scene.every(1800, 0.05):
        scene.udp(host, scene.resolver, 67, 68).exchange(when, 300, 300, 0.002)
    for when in scene.every(random.choice((64, 128, 1024)), 0.02):
        scene.udp(host, scene.server(1), 123, 123).exchange(when, 48, 48, 0.001)


def office(scene, desks=12):
    controller, files, printer = scene.server(1), scene.server(6), scene.server(60)
    for _ in range(desks):
        host = scene.host()
        announcements(scene, host)
        sign_in(scene, host, controller, scene.random.uniform(0, 600))
        for begin, end in scene.sessions():
            work_on_files(scene, host, files, begin, end)
        for when in scene.moments(1 / 1500):
            flow = scene.tcp(host, printer, 9100)
            flow.close(flow.data(flow.open(when), 0, scene.size(3_000_000, 1.0, 50_000_000), 90e6))
        for when in scene.every(300, 0.05):
            scene.udp(host, printer, 161).exchange(when, 80, 120, 0.003)
        for when in scene.every(5400, 0.3):
            sign_in(scene, host, controller, when)


def sign_in(scene, host, controller, when):
    """A directory: service records, tickets, policies."""
    for name in ("_ldap._tcp.dc._msdcs.corp.example", "_kerberos._tcp.corp.example"):
        scene.ask(when, host, name, dns.SRV, [(name, dns.SRV, b"\0\0\0d\x01\x85" + dns.encode_name("dc1.corp.example"))],
                  resolver=controller, delay=0.001)
    for port, count in ((88, 4), (389, 3), (135, 1), (49667, 2), (445, 1), (3268, 1)):
        for _ in range(count):
            when = scene.tcp(host, controller, port).request(when + 0.02, scene.size(1400, 0.3), scene.size(2500, 0.6))
    for _ in range(2):
        scene.udp(host, controller, 389).exchange(when, 190, 180, 0.001)


def work_on_files(scene, host, files, begin, end):
    flow = scene.tcp(host, files, 445)
    when = flow.exchange(flow.open(begin), 900, 1200)
    while when < end:
        for _ in range(scene.random.randrange(3, 20)):
            when = flow.exchange(when, 180, 260, 0.001)
        if scene.random.random() < 0.5:
            when = flow.data(when, scene.random.choice((0, 1)), scene.size(600_000, 1.6, 150_000_000), 500e6)
        when += scene.around(40)
    flow.close(when)


def administration(scene):
    """A person on many machines, a tool on all of them at once, jobs each minute, a password mistyped now and then."""
    random, desk = scene.random, scene.host()
    farm = [scene.server(100 + i) for i in range(24)] + [scene.stranger() for _ in range(4)]
    for _ in range(3):
        for begin, end in scene.sessions(900, 900):
            terminal(scene, desk, random.choice(farm), begin, end)
    for begin in scene.every(1500, 0.4):
        for step in range(6):
            for index, server in enumerate(farm):
                flow = scene.tcp(desk, server, 22)
                when = begin + step * 14 + index // 5 * 2 + random.random()
                flow.close(flow.exchange(flow.open(when), scene.size(9000, 0.4), scene.size(7000, 0.4)) + scene.around(1))
    for when in scene.every(60, 0.05):
        scene.tcp(scene.server(99), farm[0], 22).request(when, 3500, scene.size(6000, 0.5))
    for when in scene.moments(1 / 1200):
        for again in range(random.choice((1, 2, 3))):
            flow = scene.tcp(desk, random.choice(farm[:4]), 22)
            flow.close(flow.exchange(flow.open(when + again * 9), 2300, 2600) + 5, side=1)
    for begin, end in scene.sessions(2400, 900):
        flow = scene.tcp(desk, farm[5], 3389)
        flow.exchange(flow.open(begin), 2500, 6000)
        for when in scene.moments(3, begin + 1, end):
            flow.exchange(when, 120, scene.size(2500, 1.2, 200_000))


def terminal(scene, desk, server, begin, end):
    flow = scene.tcp(desk, server, 22)
    when = flow.exchange(flow.open(begin), 2800, 3200)
    while when < end:
        for _ in range(scene.random.randrange(3, 25)):
            when = flow.exchange(when, 36, 36, 0.005) + scene.random.uniform(0.08, 0.4)
        when = flow.data(when, 1, scene.size(1500, 1.3, 300_000)) + scene.around(15, 1.2)
    flow.close(when)


def monitoring(scene):
    """Pings and checks of each service, some of which are down, and counters read from every switch."""
    random, watcher = scene.random, scene.server(5)
    hosts = [scene.server(10 + i) for i in range(120)]
    down = set(random.sample(hosts, 5))
    for begin in scene.every(60, 0.01):
        for index, host in enumerate(hosts):
            ping(scene.trace, begin + index * 0.3, watcher, host, rtt=0.001, answered=host not in down)
    checks = [(host, port) for host in hosts[:60] for port in random.sample((22, 80, 443, 25, 3306, 5432, 9100), 3)]
    for begin in scene.every(120, 0.01):
        for index, (host, port) in enumerate(checks):
            flow, when = scene.tcp(watcher, host, port), begin + index * 0.6
            if host in down:
                flow.unanswered(when, 2)
            elif (host[3] * 31 + port) % 40 == 0:
                flow.refused(when)
            else:
                flow.request(when, 150, 400)
    for begin in scene.every(60, 0.02):
        for index in range(12):
            flow = scene.udp(watcher, scene.server(200 + index), 161)
            for again in range(4):
                flow.exchange(begin + index * 0.2 + again * 0.02, 85, 400, 0.004)
    for when in scene.moments(3 / 3600):  # a path, traced
        target = scene.stranger()
        for port in range(33434, 33434 + 24):
            scene.udp(watcher, target, port).send(when + (port - 33434) * 0.05, 0, 32)


def dead_servers(scene, clients=5):
    """Programs that go on calling what is gone or says no."""
    gone, refuses, logs = scene.stranger(), scene.server(70), scene.server(71)
    inside = scene.server(72)
    for _ in range(clients):
        host = scene.host()
        for when in scene.every(60, 0.02):
            scene.tcp(host, gone, 443).unanswered(when, 5)
        for when in scene.every(5, 0.02):
            scene.tcp(host, refuses, 8080).refused(when)
        for when in scene.moments(0.5):
            scene.udp(host, logs, 514, 42514).send(when, 0, scene.random.randrange(80, 400))
        for when in scene.every(20, 0.1):
            scene.tcp(host, inside, 445).unanswered(when, 3)
        for when in scene.every(90, 0.1):
            port = scene.port()
            for again in range(3):
                scene.udp(host, scene.server(73), 53, port).send(when + again * 5, 0, 40)
