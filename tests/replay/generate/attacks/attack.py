# SPDX-License-Identifier: Apache-2.0
"""What an attack is to the generator."""

import dataclasses
import typing

from ..frames import text_of


@dataclasses.dataclass
class Attack:
    name: str  # "dos.syn_flood/spoofed": the kind, which is the detector's id, and a variant
    unit: str  # of its intensity
    levels: tuple  # intensities of a sweep, rising
    clear: float  # the intensity at which there is no doubt
    length: float  # seconds, about
    make: typing.Callable  # (scene, begin, intensity) -> Expectation
    accept: tuple = ()  # beside the detector of its kind
    history: bool = False  # cannot be told without a learnt baseline, or a list

    @property
    def kind(self):
        return self.name.partition("/")[0]


@dataclasses.dataclass
class Expectation:
    """What should be named. Whom it does not give may be anybody."""

    end: float
    source: bytes | None = None
    target: bytes | None = None
    proto: str = ""
    port: int = 0

    def to_json(self, attack, begin, first, soft):
        fields = {"kind": attack.kind, "src": self.source and text_of(self.source),
                  "dst": self.target and text_of(self.target), "proto": self.proto, "port": self.port}
        return {**{key: value for key, value in fields.items() if value},
                "t": [round(max(0.0, begin - first), 3), round(self.end - first, 3)], "accept": [attack.kind, *attack.accept],
                "soft": soft, "note": attack.name}
