# SPDX-License-Identifier: Apache-2.0
"""Frames as bytes. Checksums are 0 and TCP's sequence numbers stand still: what counts flows reads neither, and so most
packets of a flow are one object."""

import socket
import struct

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

ETHERNET = 14
FILLER = b"\x17\x03\x03" + bytes(range(61))  # how a TLS record begins; payload is never looked at but for DNS
_TYPE = {4: b"\x08\x00", 16: b"\x86\xdd"}


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def text_of(packed):
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


def mac(packed):
    """Multicast and broadcast as they map; all others made of the address."""
    if len(packed) == 16 and packed[0] == 0xFF:
        return b"\x33\x33" + packed[-4:]
    if len(packed) == 4 and packed[0] >> 4 == 14:
        return b"\x01\x00\x5e" + bytes([packed[1] & 127]) + packed[2:]
    if packed[-1] == 255:
        return b"\xff" * 6
    return b"\x02\x00" + packed[-4:]


def header_length(packed):
    return ETHERNET + (20 if len(packed) == 4 else 40)


def network(source, target, proto, payload_length, ttl=64, fragment=0):
    """Ethernet and IP headers. `fragment`: IPv4's flags and offset field."""
    ethernet = mac(target) + mac(source) + _TYPE[len(source)]
    if len(source) == 4:
        return ethernet + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + payload_length & 0xFFFF, 0, fragment, ttl, proto, 0,
                                      source, target)
    return ethernet + struct.pack("!IHBB16s16s", 6 << 28, payload_length & 0xFFFF, proto, ttl, source, target)


def tcp(source, target, source_port, target_port, flags, payload_length=0, ttl=64):
    options = b"\x02\x04\x05\xb4" if flags & SYN else b""
    own = struct.pack("!HHIIBBHHH", source_port, target_port, 1, 1 if flags & ACK else 0, (5 + len(options) // 4) << 4,
                      flags, 64240, 0, 0) + options
    return network(source, target, TCP, len(own) + payload_length, ttl) + own + FILLER[:min(payload_length, 42)]


def udp(source, target, source_port, target_port, payload, length=None, ttl=64):
    """`length` of the payload if more was sent than is given."""
    length = len(payload) if length is None else length
    own = struct.pack("!HHHH", source_port, target_port, 8 + length & 0xFFFF, 0)
    return network(source, target, UDP, len(own) + length, ttl) + own + payload[:length]


def icmp(source, target, kind, code, payload_length, identifier=0, sequence=0, ttl=64):
    proto = ICMP if len(source) == 4 else ICMP6
    own = struct.pack("!BBHHH", kind, code, 0, identifier, sequence & 0xFFFF)
    return network(source, target, proto, len(own) + payload_length, ttl) + own + FILLER[:min(payload_length, 42)]
