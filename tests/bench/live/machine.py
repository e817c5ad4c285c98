# SPDX-License-Identifier: Apache-2.0
"""Where the numbers come from: without it they say nothing."""
import os
import pathlib
import platform
import re
import shutil
import subprocess

VERSIONS = {  # what prints the version of each subject
    "nft": ["nft", "--version"],
    "iptables": ["iptables", "--version"],
    "ipset": ["ipset", "--version"],
    "xdp-filter": ["xdp-filter", "--version"],
    "tcpdump": ["tcpdump", "--version"],
    "softflowd": ["softflowd", "-h"],
    "pmacctd": ["pmacctd", "-V"],
    "nfpcapd": ["nfpcapd", "-V"],
}


def _processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def _memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _version(command):
    """None where the program is not installed."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=10)
    found = re.search(r"\d+\.\d+([.-]\w+)*", done.stdout + done.stderr)
    return found[0] if found else "version unknown"


def describe(cpu, flowguard):
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "used_processor": cpu,
        "memory_gib": _memory_gib(),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "load_before": os.getloadavg()[0],
        "programs": {"flowguard": _version([flowguard, "version"]),
                     **{name: _version(command) for name, command in VERSIONS.items()}},
    }


def lines(machine):
    yield (f"{machine['processor']}, {machine['processors']} processors, {machine['memory_gib']} GiB; "
           f"Linux {machine['kernel']}, {machine['system']}")
    yield f"everything on processor {machine['used_processor']}; load before: {machine['load_before']:.2f}"
    yield ", ".join(f"{name} {version or 'not installed'}" for name, version in machine["programs"].items())
