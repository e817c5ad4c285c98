# SPDX-License-Identifier: Apache-2.0
"""A lab and a flowguard for each test, and the proof after it that nothing is left."""
import contextlib
import os
import pathlib

import pytest

from fglab.crowd import TC, has_tcx
from fglab.flowguard import PROGRAM, Flowguard
from fglab.lab import DEVICE, Lab
from fglab.namespace import unique
from fglab.traces import Traces

FAST_TICK_MS = 100
HOOKS = {"xdp-native": "native", "xdp-generic": "generic", "tcx": "off", "clsact": "off"}  # ingress hook: --xdp-mode


def pytest_sessionstart():
    """Without these nothing can be tested, and that is no success."""
    if os.geteuid() != 0:
        pytest.exit("the system tests need root, for namespaces and BPF", returncode=1)
    if not pathlib.Path(PROGRAM).exists():
        pytest.exit(f"there is no {PROGRAM}: build it, or set FLOWGUARD", returncode=1)


@contextlib.contextmanager
def instances(lab):
    """Makes instances. At the end each is detached, and then nothing of it may be left, nor on the lab's devices."""
    traces = Traces(lab)
    guards = []

    def make(namespace=lab.host, config=None):
        guards.append(Flowguard(namespace, unique("t"), config))
        return guards[-1]

    errors = []
    try:
        yield make
    finally:
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


def write_config(directory, text):
    path = pathlib.Path(directory) / "flowguard.toml"
    path.write_text(text)
    return path


def attach(lab, guard, hook):
    """Ingress at this hook, and nowhere else."""
    if hook == "tcx" and not has_tcx():
        pytest.skip("Linux before 6.6 has no tcx")
    if hook == "clsact":
        lab.forbid_tcx()
    [interface] = guard.attach(DEVICE, mode=HOOKS[hook])["interfaces"]
    assert interface["ingress"]["hook"] == hook
    assert interface["egress"]["hook"] == ("clsact" if hook == "clsact" or not has_tcx() else "tcx")


@contextlib.contextmanager
def guarded_lab(hook, directory, settings=""):
    """For many tests of one hook: (lab, guard)."""
    with Lab() as lab, instances(lab) as new_guard:
        guard = new_guard(config=write_config(directory, f"tick_ms = {FAST_TICK_MS}\n{settings}"))
        attach(lab, guard, hook)
        yield lab, guard


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


@pytest.fixture
def new_guard(lab):
    with instances(lab) as make:
        yield make


@pytest.fixture
def config(tmp_path):
    return lambda text: write_config(tmp_path, text)


@pytest.fixture
def guard(new_guard, config):
    """The host's flowguard, with ten ticks a second so that tests are short."""
    return new_guard(config=config(f"tick_ms = {FAST_TICK_MS}\n"))


@pytest.fixture
def default_guard(new_guard):
    """The host's flowguard as it is out of the box."""
    return new_guard()
