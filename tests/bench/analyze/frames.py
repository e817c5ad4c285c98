# SPDX-License-Identifier: Apache-2.0
"""Capture files to measure with: frames of 64 bytes, TCP and UDP by turns, in flows that are drawn at random."""
import random
import struct

FRAME = 60  # 64 on the wire: captures hold no frame check sequence
CLIENTS = 1 << 16
DRAWS = 1 << 20  # the order of flows repeats after so many packets
BEGIN_S = 1_700_000_000


def frame(flow):
    """One of a flow from 10.0.0.0/8 to a server. Odd flows are UDP, even ones TCP with ACK."""
    client = (10 << 24) + flow % CLIENTS + 1
    server = (192 << 24) + (168 << 16) + flow % 250 + 1
    sport = 1024 + flow // CLIENTS * 64 + flow % 64
    proto = 17 if flow % 2 else 6
    head = bytes(12) + b"\x08\x00" + struct.pack("!BBHIBBHII", 0x45, 0, FRAME - 14, 0, 64, proto, 0, client, server)
    if proto == 17:
        head += struct.pack("!HHHH", sport, 443, FRAME - 34, 0)
    else:
        head += struct.pack("!HHIIBBHHH", sport, 443, 1, 1, 0x50, 0x10, 1024, 0, 0)
    return head.ljust(FRAME, b"\0")


def write(path, packets, flows, rate):
    """`rate`: packets a second of capture time."""
    frames = [frame(flow) for flow in range(flows)]
    draw = random.Random(1)
    order = [frames[draw.randrange(flows)] for _ in range(min(DRAWS, packets))]
    lengths = struct.pack("<II", FRAME, FRAME)
    step_us = 1_000_000 / rate
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for begin in range(0, packets, DRAWS):
            pieces = []
            for i in range(begin, min(begin + DRAWS, packets)):
                second, us = divmod(int(i * step_us), 1_000_000)
                pieces += (struct.pack("<II", BEGIN_S + second, us), lengths, order[i % DRAWS])
            file.write(b"".join(pieces))
