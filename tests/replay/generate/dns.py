# SPDX-License-Identifier: Apache-2.0
"""DNS messages, without compression of names."""

import struct

A, CNAME, NULL, PTR, MX, TXT, AAAA, SRV = 1, 5, 10, 12, 15, 16, 28, 33
NXDOMAIN = 3


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def query(identifier, name, kind):
    return struct.pack("!6H", identifier, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack("!HH", kind, 1)


def text(data):
    """The data of a TXT record."""
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))


def response(identifier, name, kind, answers=(), rcode=0, ttl=300):
    """`answers`: (name, kind, data)."""
    head = struct.pack("!6H", identifier, 0x8180 | rcode, 1, len(answers), 0, 0)
    records = b"".join(encode_name(own) + struct.pack("!HHIH", own_kind, 1, ttl, len(data)) + data
                       for own, own_kind, data in answers)
    return head + encode_name(name) + struct.pack("!HH", kind, 1) + records
