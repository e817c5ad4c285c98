# SPDX-License-Identifier: Apache-2.0
"""fg-generate, the traffic source that is fast enough to matter."""
import json
import os
import subprocess

from .device import Volume
from .flowguard import REPOSITORY
from .lab import DEVICE

PROGRAM = os.environ.get("FG_GENERATE", str(REPOSITORY / "build/release/tests/bench/generate/fg-generate"))
PATIENCE_S = 120


class Flood:
    """Runs from start to finish(); the peer sends, the host receives."""

    def __init__(self, lab, packets, *options):
        # veth takes redirected frames only if its peer polls: with native XDP, or with GRO.
        lab.device.features(gro="on")
        command = lab.peer.command(PROGRAM, "--dev", DEVICE, "--packets", packets, "--json", *options)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def running(self):
        return self.process.poll() is None

    def account(self):
        """What fg-generate says at its end."""
        out, complaint = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, complaint
        return json.loads(out)

    def finish(self):
        """What arrived at the host's device."""
        sent = self.account()
        return Volume(sent["delivered"], sent["bytes"])
