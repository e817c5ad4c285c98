# SPDX-License-Identifier: Apache-2.0
"""Labelled traffic of tests/replay/generate, played over the lab's cable at its own pace.

What the site's hosts send leaves by the guarded host, all else by the peer. The frames are addressed to machines that are
not there, so that neither kernel answers; flowguard sees them all the same.
"""
import contextlib
import socket
import sys
import threading
import time

from .flowguard import REPOSITORY
from .lab import DEVICE

sys.path.insert(0, str(REPOSITORY / "tests" / "replay"))

from generate import attacks, benign  # noqa: E402  (found by the line above)
from generate.scene import Scene  # noqa: E402

BEGIN_S = 1.5  # of an attack, after the scene's
LONGEST_FRAME = 1514
ETHERNET, V4_SOURCE, V6_SOURCE = 14, slice(26, 30), slice(22, 38)


def attack_scene(name, intensity=None, seed=5):
    """(scene, what evaluate.py expects of it)."""
    scene = Scene(seed, 1)
    attack = attacks.ATTACKS[name]
    expected = attack.make(scene, BEGIN_S, attack.clear if intensity is None else intensity)
    scene.trace.sort(expected.end + 1)
    return scene, expected.to_json(attack, BEGIN_S, 0.0, False)


def benign_scene(profiles, seconds, seed=5):
    scene = Scene(seed, seconds / 3600)
    for name in profiles:
        benign.PROFILES[name](scene)
    scene.trace.sort(seconds)
    return scene


def _is_ours(frame):
    if frame[12:14] == b"\x08\x00":
        return frame[V4_SOURCE][:2] == bytes((192, 168))
    return frame[V6_SOURCE][:4] == bytes((0x20, 0x01, 0x0d, 0xb8)) or frame[V6_SOURCE][:1] in (b"\xfe", b"\xfd")


class Player:
    """Plays in the background from __enter__ on, until it has played all or is left."""

    def __init__(self, lab, scene):
        self.records = scene.trace.records
        self.sockets = [namespace.socket(socket.AF_PACKET, socket.SOCK_RAW) for namespace in (lab.peer, lab.host)]
        self.left = threading.Event()
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.begun = None
        self.sent = 0

    def __enter__(self):
        for each in self.sockets:
            each.bind((DEVICE, 0))
        self.begun = time.time()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.left.set()
        self.thread.join()
        for each in self.sockets:
            each.close()

    def _play(self):
        for when, frame, length in self.records:
            pause = self.begun + when - time.time()
            if pause > 0.001 and self.left.wait(pause) or self.left.is_set():
                return
            with contextlib.suppress(OSError):  # a full ring; what is lost is lost on a real cable, too
                self.sockets[_is_ours(frame)].send(frame.ljust(min(length, LONGEST_FRAME), b"\0"))
                self.sent += 1

    def join(self):
        """Until all has been played."""
        self.thread.join()
