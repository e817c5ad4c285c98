# SPDX-License-Identifier: Apache-2.0
"""Packets in the making, and capture files of Ethernet."""

import operator
import struct

SNAP = 96  # bytes of a frame that are kept; of DNS, all
_MAGIC_MICRO, _MAGIC_NANO = 0xA1B2C3D4, 0xA1B23C4D


class Trace:
    def __init__(self, begin):
        self.begin = begin  # seconds since 1970
        self.records = []  # (seconds since begin, frame or its first bytes, length on the wire)

    def add(self, when, frame, length=None):
        self.records.append((when, frame, len(frame) if length is None else length))

    def sort(self, end):
        """In order of time, within 0 and `end`."""
        self.records = [each for each in self.records if 0 <= each[0] < end]
        self.records.sort(key=operator.itemgetter(0))

    def first(self):
        return self.records[0][0] if self.records else 0.0

    def write(self, path):
        """Sorted before."""
        pack = struct.Struct("<IIII").pack
        base = int(self.begin * 1_000_000)
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", _MAGIC_MICRO, 2, 4, 0, 0, 65535, 1))
            parts = []
            for when, frame, length in self.records:
                second, micro = divmod(base + int(when * 1_000_000), 1_000_000)
                parts.append(pack(second, micro, len(frame), max(length, len(frame))))
                parts.append(frame)
                if len(parts) > 100_000:
                    file.write(b"".join(parts))
                    parts.clear()
            file.write(b"".join(parts))

    @classmethod
    def read(cls, path):
        """Of a pcap file of Ethernet frames, either byte order, micro- or nanoseconds."""
        data = path.read_bytes()
        for order in "<>":
            magic = struct.unpack_from(order + "I", data)[0] if len(data) >= 24 else 0
            if magic in (_MAGIC_MICRO, _MAGIC_NANO):
                break
        else:
            raise ValueError(f"{path} is no pcap file; convert it with 'tshark -F pcap -r {path} -w FILE'")
        if struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF != 1:
            raise ValueError(f"{path} does not hold Ethernet frames")
        return cls._read_records(data, order, 1e6 if magic == _MAGIC_MICRO else 1e9)

    @classmethod
    def _read_records(cls, data, order, fraction):
        head = struct.Struct(order + "IIII")
        trace, at = None, 24
        while at + head.size <= len(data):
            second, part, captured, length = head.unpack_from(data, at)
            at += head.size
            time = second + part / fraction
            trace = trace or cls(time)
            trace.add(time - trace.begin, data[at:at + captured], length)
            at += captured
        return trace or cls(0)
