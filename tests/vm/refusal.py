# SPDX-License-Identifier: Apache-2.0
"""On a kernel that is too old: everything says so in a sentence, and leaves nothing behind."""
import pathlib

from fglab import shell
from fglab.flowguard import FAILED, PROGRAM, REPOSITORY

SAYING = ("too old", "6.1")
COMMANDS = {
    "flowguard attach": [PROGRAM, "attach", "lo"],
    "flowguard block": [PROGRAM, "block", "192.0.2.7"],
    "scripts/setup.sh": [REPOSITORY / "scripts/setup.sh", "run"],
}


def refuses(name, command):
    done = shell.run(*command, check=False)
    assert done.returncode == FAILED, f"{name} ended with {done.returncode}: {done.stderr}{done.stdout}"
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and all(word in lines[0] for word in SAYING), f"{name} does not say why: {done.stderr!r}"
    assert done.stdout == "", f"{name} prints what no error is: {done.stdout!r}"


def check(report):
    for name, command in COMMANDS.items():
        refuses(name, command)
    left = [path for path in map(pathlib.Path, ("/run/flowguard", "/sys/fs/bpf/flowguard")) if path.exists()]
    assert not left, f"left behind: {left}"
    report("loads", "refused")
    report("live", "refused")
