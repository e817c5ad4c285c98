# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: commands run in them, and sockets made in them."""
import contextlib
import ctypes
import os
import socket

from . import shell
from .wait import until

CLONE_NEWNET = 0x40000000
NO_SUCH_TYPE = ("Unknown device type", "Operation not supported")  # what ip says of a type that the kernel lacks
_libc = ctypes.CDLL(None, use_errno=True)

# Nothing is sent that a test did not ask for: no router solicitations, and no second listener report after a second.
QUIET = {
    "net/ipv6/conf/default/accept_ra": 0,
    "net/ipv6/conf/default/router_solicitations": 0,
    "net/ipv6/conf/default/accept_dad": 0,
    "net/ipv6/conf/default/mldv1_unsolicited_report_interval": 1,
    "net/ipv6/conf/default/mldv2_unsolicited_report_interval": 1,
    "net/ipv4/icmp_ratelimit": 0,
    "net/ipv6/icmp/ratelimit": 0,
}


def _set_namespace(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"

    def create(self):
        shell.run("ip", "netns", "add", self.name)
        with self.entered():
            for key, value in QUIET.items():
                with open(f"/proc/thread-self/root/proc/sys/{key}", "w") as knob:
                    knob.write(str(value))
        self.ip("link", "set", "lo", "up")

    def delete(self):
        shell.run("ip", "netns", "delete", self.name, check=False)

    @contextlib.contextmanager
    def entered(self):
        """Sockets made inside stay in the namespace, whoever uses them later. Of this thread alone."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(self.path, "rb") as there:
            _set_namespace(there.fileno())
            try:
                yield self
            finally:
                _set_namespace(before.fileno())

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def command(self, *command):
        """Not `ip netns exec`, which hides the BPF file system."""
        return ["nsenter", f"--net={self.path}", *map(str, command)]

    def run(self, *command, **options):
        return shell.run(*self.command(*command), **options)

    def ip(self, *arguments, **options):
        return shell.run("ip", "-n", self.name, *arguments, **options)

    def add_link(self, *words):
        """False if this kernel does not have the type; any other error fails."""
        done = self.ip("link", "add", *words, check=False)
        lacking = any(reason in done.stderr for reason in NO_SUCH_TYPE)
        assert done.returncode == 0 or lacking, f"ip link add {' '.join(map(str, words))}: {done.stderr}"
        return done.returncode == 0

    def ip_batch(self, commands):
        self.ip("-batch", "-", input="\n".join(commands) + "\n")

    def read(self, path):
        """A file below /proc/net as this namespace has it."""
        with self.entered():
            with open(f"/proc/thread-self/net/{path}") as file:
                return file.read()

    def links(self):
        return shell.output_json("ip", "-n", self.name, "-j", "-d", "link")

    def has_link(self, name):
        return any(link["ifname"] == name for link in self.links())

    def wait_for_link(self, name):
        until(lambda: self.has_link(name), what=f"{name} in {self.name}")


def unique(prefix):
    """A name that no other run of these tests has."""
    unique.count += 1
    return f"{prefix}{os.getpid()}x{unique.count}"


unique.count = 0
