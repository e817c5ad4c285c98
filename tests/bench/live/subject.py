# SPDX-License-Identifier: Apache-2.0
"""What is compared: something that may be missing on this machine, which is a result and no error."""
import shutil
from typing import Callable, NamedTuple

from fglab.flood import Flood
from fglab.lab import HOST_MAC


class Unavailable(Exception):
    """Its text is the reason."""


class Subject(NamedTuple):
    name: str
    needs: tuple      # programs
    install: Callable  # a context manager around the measurement

    def check_installed(self):
        missing = [program for program in self.needs if not shutil.which(program)]
        if missing:
            raise Unavailable(f"not installed: {', '.join(missing)}")


def offer(lab, packets, *options):
    """Frames of 64 bytes for the host, which has no route for them: whatever nobody drops ends in the routing table.
    Returns the generator's own account."""
    with Flood(lab, packets, "--dst-mac", HOST_MAC, *options) as flooding:
        return flooding.account()
