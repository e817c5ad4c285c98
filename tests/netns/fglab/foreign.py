# SPDX-License-Identifier: Apache-2.0
"""Programs of somebody else on the hooks that flowguard wants."""
import contextlib
import pathlib
import platform

from . import shell
from .namespace import unique

PASS_ALL = """
__attribute__((section("xdp"), used)) int somebody(void *context) { return 2; }
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


def compile_bpf(directory, source, name="foreign"):
    path = pathlib.Path(directory) / f"{name}.c"
    path.write_text(source)
    built = path.with_suffix(".o")
    shell.run("clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3",
              "-I", f"/usr/include/{platform.machine()}-linux-gnu", "-c", path, "-o", built)
    return built


@contextlib.contextmanager
def pinned(built):
    """The path of the loaded program. Not loaded by iproute2, which leaves directories in the BPF file system."""
    pin = pathlib.Path("/sys/fs/bpf") / unique("foreign")
    shell.run("bpftool", "prog", "load", built, pin)
    try:
        yield pin
    finally:
        pin.unlink()


def attach_xdp(device, built, mode="xdpdrv"):
    """As an administrator would; returns the program's id. Not by `ip -n`, which hides the BPF file system."""
    with pinned(built) as pin:
        device.namespace.run("ip", "link", "set", "dev", device.name, mode, "pinned", pin)
    return xdp_program(device)


def xdp_program(device):
    link = next(each for each in device.namespace.links() if each["ifname"] == device.name)
    return link.get("xdp", {}).get("prog", {}).get("id")
