# SPDX-License-Identifier: Apache-2.0
"""Machines that talk to machines, as regular as clockwork."""


def home(scene):
    """Lamps, cameras and meters: several of a make with one cloud, brokers with kept connections, clocks."""
    makes = [scene.service(f"mqtt.{name}.example.io") for name in ("lamps", "heating", "locks")]
    broker, pool = scene.server(80), [scene.stranger() for _ in range(4)]
    for index in range(14):
        device, make = scene.host(), makes[index % 3]
        flow = scene.tcp(device, make.addresses[0], 8883)
        flow.exchange(flow.open(scene.resolve(scene.random.uniform(0, 30), device, make)), 900, 3600)
        for when in scene.every(60, 0.01, 40):
            flow.exchange(when, 31, 31)
        for when in scene.moments(1 / 300, 40):
            flow.exchange(when, 180, 60)
        for when in scene.every(scene.random.choice((64, 1024)), 0.02):
            scene.udp(device, scene.random.choice(pool), 123).exchange(when, 48, 48)
    for _ in range(6):
        sensor = scene.host()
        flow = scene.tcp(sensor, broker, 1883)
        flow.open(1)
        for when in scene.every(30, 0.01, 2):
            flow.exchange(when, 60, 4)
    reporters(scene)
    camera, relay = scene.host(), scene.stranger()
    alive = scene.udp(camera, relay, 10001, 32100)
    for when in scene.every(25, 0.02):
        alive.exchange(when, 44, 44)
    for when in scene.moments(6 / 3600):
        alive.stream(when, when + 20, 0, 1 / 80, 1100, scene.random)


def reporters(scene):
    """Several of a kind that connect anew for each report."""
    cloud = scene.service("report.meters.example.com")
    for period in (60, 60, 60, 300):
        meter = scene.host()
        for when in scene.every(period, 0.05):
            when = scene.resolve(when, meter, cloud, six=False)
            scene.tcp(meter, cloud.addresses[0], 443).request(when, 1100, 3900)


def plant(scene):
    """Controllers that are polled, on connections kept or made anew, and a fast cyclic exchange."""
    panel, historian = scene.server(90), scene.server(91)
    controllers = [scene.server(110 + i) for i in range(8)]
    for controller in controllers[:6]:
        flow = scene.tcp(panel, controller, 502)
        flow.open(0.5)
        for when in scene.every(1, 0.02, 1):
            flow.exchange(when, 12, 29, 0.002)
    for controller in controllers[6:]:
        for when in scene.every(10, 0.02):
            scene.tcp(historian, controller, 502).request(when, 12, 200, 0.002)
        flow = scene.tcp(panel, controller, 102)
        flow.open(0.5)
        for when in scene.every(0.5, 0.02, 1):
            flow.exchange(when, 31, 60, 0.002)
    flow = scene.udp(panel, controllers[0], 2222, 2222)
    for side in (0, 1):
        flow.stream(1, scene.duration, side, 0.1, 32)
    station = scene.tcp(scene.stranger(), scene.server(92), 2404)
    station.open(1)
    for when in scene.every(10, 0.01, 2):
        station.exchange(when, 6, 6)
