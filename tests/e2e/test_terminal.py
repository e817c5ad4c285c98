# SPDX-License-Identifier: Apache-2.0
"""`top` on a terminal: it shows, it obeys, and it leaves the terminal as it was."""
import contextlib
import os
import shlex
import shutil

import pytest

from fglab import traffic
from fglab.lab import DEVICE, HOST_V4, PEER_V4
from fglab.shell import run
from fglab.wait import until

COLUMNS, LINES = 120, 30
BEFORE, AFTER = "before-top", "after-top"

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Terminal:
    def __init__(self, command):
        self.server = f"flowguard-test-{os.getpid()}"
        shell = f"trap : INT; echo {BEFORE}; {shlex.join(command)}; echo {AFTER} $?; exec sleep 60"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "top", "-x", COLUMNS, "-y", LINES,
                  f"sh -c {shlex.quote(shell)}")

    def tmux(self, *arguments, **options):
        return run("tmux", "-L", self.server, *arguments, env=dict(os.environ, LC_ALL="C.UTF-8"), **options)

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "top").stdout

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "top", *keys)

    def shows(self, *words):
        return until(lambda: (screen := self.screen()) and all(word in screen for word in words) and screen,
                     what=f"{words} on the screen")

    def close(self):
        self.tmux("kill-server", check=False)


@pytest.fixture
def terminal(lab, guard):
    guard.attach(DEVICE)
    assert traffic.ping(lab.peer, HOST_V4) == 5
    guard.settle()
    with contextlib.closing(Terminal(guard.command("top"))) as terminal:
        yield terminal


def test_shows_flows_and_where_they_come_from(terminal):
    screen = terminal.shows(PEER_V4, HOST_V4, "ICMP", DEVICE)
    assert BEFORE not in screen, "a screen of its own"


@pytest.mark.parametrize("key, title", [("r", "remote addresses"), ("l", "local addresses"), ("s", "services"),
                                        ("f", "flows")])
def test_a_key_switches_the_view(terminal, key, title):
    terminal.shows(PEER_V4)
    terminal.keys(key)
    terminal.shows(title)


def test_help_is_a_key_away(terminal):
    terminal.shows(PEER_V4)
    terminal.keys("?")
    terminal.shows("quit")


def test_a_filter_hides_the_rest(terminal):
    terminal.shows("ICMP")
    terminal.keys("/")
    terminal.keys("udp", "Enter")
    until(lambda: PEER_V4 not in terminal.screen(), what="an empty table")


@pytest.mark.parametrize("columns, lines", [(40, 8), (20, 3), (200, 50)])
def test_it_follows_the_size_of_the_terminal(terminal, columns, lines):
    terminal.shows(PEER_V4)
    terminal.tmux("resize-window", "-t", "top", "-x", columns, "-y", lines)
    terminal.tmux("resize-window", "-t", "top", "-x", COLUMNS, "-y", LINES)
    terminal.shows(PEER_V4, HOST_V4)


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_it_ends_and_leaves_the_terminal_as_it_was(terminal, key):
    terminal.shows(PEER_V4)
    terminal.keys(key)
    screen = terminal.shows(BEFORE, f"{AFTER} 0")
    assert "ICMP" not in screen


def test_it_says_when_the_daemon_goes_away(terminal, guard):
    terminal.shows(PEER_V4)
    guard.detach()
    until(lambda: "daemon" in terminal.screen(), what="a word about the daemon")
    terminal.keys("q")
    terminal.shows(AFTER)
