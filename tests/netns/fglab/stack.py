# SPDX-License-Identifier: Apache-2.0
"""What the network stack of a namespace has seen of a device, by its own counters."""
from . import shell


def _snmp(namespace):
    names, values = [line.split() for line in namespace.read("snmp").splitlines() if line.startswith("Ip:")]
    return int(values[names.index("InReceives")])


def _snmp6(namespace):
    rows = dict(line.split() for line in namespace.read("snmp6").splitlines())
    return int(rows["Ip6InReceives"])


def _refused_at_the_door(device):
    """Frames that were handed to the stack and found nobody, such as those of a VLAN without a device."""
    [link] = shell.output_json("ip", "-n", device.namespace.name, "-s", "-s", "-j", "link", "show", "dev", device.name)
    counts = link["stats64"]["rx"]
    return counts["dropped"] + counts.get("otherhost", 0) + counts.get("nohandler", 0)


def seen(device):
    """Packets that got past every hook of the device."""
    return _snmp(device.namespace) + _snmp6(device.namespace) + _refused_at_the_door(device)
