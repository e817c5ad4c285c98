# SPDX-License-Identifier: Apache-2.0
"""Much data: torrents, back-ups, software updates."""


def torrents(scene, hosts=2):
    for _ in range(hosts):
        host, port = scene.host(), scene.random.randrange(10000, 65000)
        lookups(scene, host, port)
        peers(scene, host)
        visitors(scene, host, port)
        for when in scene.every(1800, 0.02):
            scene.udp(host, scene.stranger(), 6969, port).exchange(when, 98, 300)


def lookups(scene, host, port):
    """The distributed hash table: many nodes on many ports, half of them gone."""
    random = scene.random
    for when in scene.moments(1.2):
        flow = scene.udp(host, scene.stranger(), random.randrange(1025, 65535), port)
        flow.exchange(when, 101, 290 if random.random() < 0.55 else 0, 0.1)
    for when in scene.moments(0.4):
        flow = scene.udp(scene.stranger(), host, port, random.randrange(1025, 65535))
        flow.exchange(when, 101, 290, 0.001)


def peers(scene, host):
    random = scene.random
    for when in scene.moments(1 / 8):
        peer = scene.stranger()
        flow, fate = scene.tcp(host, peer, random.choice((6881, 51413, random.randrange(1025, 65535)))), random.random()
        if fate < 0.5:
            flow.unanswered(when)
        elif fate < 0.62:
            flow.refused(when)
        else:
            at = flow.exchange(flow.open(when), 68, 500)
            for _ in range(random.randrange(1, 12)):
                at = flow.exchange(at, 300, scene.size(60_000, 1.5, 3_000_000), rate=8e6) + scene.around(4)
                if random.random() < 0.5:
                    at = flow.data(at, 0, scene.size(80_000, 1.5, 4_000_000), 4e6)
            flow.close(at, reset=random.random() < 0.5)


def visitors(scene, host, port):
    for when in scene.moments(1 / 20):
        flow = scene.tcp(scene.stranger(), host, port)
        at = flow.exchange(flow.open(when), 68, 500)
        flow.close(flow.data(at, 1, scene.size(200_000, 1.5, 5_000_000), 4e6))


def backups(scene):
    """To the cloud in pieces on several connections, to a disk in the house, and pictures of a telephone."""
    services = [scene.service(f"eu-west-{i}.s3.amazonaws.com") for i in (1, 2)]
    server, disk = scene.host(), scene.host()
    begin = scene.random.uniform(60, max(61, scene.duration / 4))
    resolved = scene.resolve(begin, server, services[0])
    for lane in range(4):
        at = resolved + lane
        for _ in range(12):
            flow = scene.tcp(server, scene.random.choice(services[0].addresses), 443)
            at = flow.exchange(flow.open(at), 517, 4200)
            at = flow.data(at, 0, scene.random.randrange(20_000_000, 48_000_000), 40e6)
            at = flow.close(flow.data(at, 1, 400)) + scene.around(0.5)
    for when in scene.moments(2 / 3600):
        flow = scene.tcp(server, disk, 22)
        flow.close(flow.data(flow.exchange(flow.open(when), 3000, 3000), 0, scene.size(200_000_000, 0.8, 500_000_000),
                             800e6))
    phone = scene.host()
    for when in scene.moments(3 / 3600):
        when = scene.resolve(when, phone, services[1])
        for _ in range(scene.random.randrange(2, 12)):
            flow = scene.tcp(phone, services[1].addresses[0], 443)
            when = flow.data(flow.exchange(flow.open(when), 517, 4200), 0, scene.size(4_000_000, 0.6), 20e6)
            when = flow.close(flow.data(when, 1, 500))


def updates(scene, hosts=10):
    """All at about the same time, from a content network and from each other."""
    mirror = scene.service("download.windowsupdate.example.net", alias=f"a{scene.random.randrange(999)}.dscd.akamai.net")
    archive = scene.service("deb.debian.example.org")
    machines = [scene.host() for _ in range(hosts)]
    for begin in scene.every(3600, 0.2, scene.random.uniform(30, 1200)):
        size = scene.size(40_000_000, 0.5, 120_000_000)
        for machine in machines:
            when = begin + scene.random.uniform(0, 240)
            when = scene.resolve(when, machine, mirror)
            for _ in range(scene.random.randrange(2, 6)):
                flow = scene.tcp(machine, scene.random.choice(mirror.addresses), 80)
                at = flow.exchange(flow.open(when), 400, size // 6, rate=80e6)
                flow.close(at + 5)
            for other in scene.random.sample(machines, 3):
                if other != machine:
                    flow = scene.tcp(machine, other, 7680)
                    flow.close(flow.exchange(flow.open(when + 5), 300, size // 8, rate=300e6))
    for machine in machines[:5]:
        for when in scene.every(scene.random.choice((1200, 3600)), 0.3):
            when = scene.resolve(when, machine, archive)
            flow = scene.tcp(machine, archive.addresses[0], 80)
            at = flow.open(when)
            for _ in range(6):
                at = flow.exchange(at, 250, scene.size(120_000, 1.5, 20_000_000))
            flow.close(at)
