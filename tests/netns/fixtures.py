# SPDX-License-Identifier: Apache-2.0
"""A lab and a flowguard for each test, and the proof after it that nothing is left."""
import os
import pathlib

import pytest

from fglab.flowguard import PROGRAM, Flowguard
from fglab.lab import Lab
from fglab.namespace import unique
from fglab.traces import Traces

FAST_TICK_MS = 100


def pytest_collection_modifyitems(items):
    """All of these need root and the program; without them, each test says so."""
    reason = ("needs root: namespaces and BPF" if os.geteuid() != 0 else
              f"no program {PROGRAM}: build it, or set FLOWGUARD" if not pathlib.Path(PROGRAM).exists() else None)
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def lab():
    lab = Lab()
    yield lab
    lab.delete()


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file."""
    def write(text):
        path = tmp_path / "flowguard.toml"
        path.write_text(text)
        return path
    return write


@pytest.fixture
def new_guard(lab):
    """Makes instances. After the test each is detached, and then nothing of it may be left, nor on the lab's devices."""
    traces = Traces(lab)
    guards = []

    def make(namespace=lab.host, config=None):
        guards.append(Flowguard(namespace, unique("t"), config))
        return guards[-1]

    yield make
    errors = []
    for guard in guards:
        try:
            guard.detach()
            traces.check(guard)
        except AssertionError as error:
            errors.append(error)
        finally:
            guard.stop_all()
    if errors:
        raise errors[0]
    traces.check_lab()


@pytest.fixture
def guard(new_guard, config):
    """The host's flowguard, with ten ticks a second so that tests are short."""
    return new_guard(config=config(f"tick_ms = {FAST_TICK_MS}\n"))


@pytest.fixture
def default_guard(new_guard):
    """The host's flowguard as it is out of the box."""
    return new_guard()
