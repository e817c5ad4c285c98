# SPDX-License-Identifier: Apache-2.0
"""
VLAN tags beside the frame, as VLAN devices and bridges send them: a program on a device of its own pushes tags onto
what comes in there and sends it out of the lab's device.
"""
import contextlib

from . import foreign
from .lab import IFINDEX

RX_OFFLOADS = ("rx-vlan-hw-parse", "rx-vlan-stag-hw-parse")
TX_OFFLOADS = ("tx-vlan-hw-insert", "tx-vlan-stag-hw-insert")
ENTRY, INSIDE = "push0", "push1"

PUSH = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__attribute__((section("tc"), used)) int push(struct __sk_buff *skb)
{
    const unsigned short protocols[] = {PROTOCOLS}, ids[] = {IDS};
#pragma unroll
    for (int i = sizeof ids / sizeof *ids - 1; i >= 0; i--)
        bpf_skb_vlan_push(skb, __builtin_bswap16(protocols[i]), ids[i]);
    return bpf_redirect(IFINDEX, 0);
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


def compile_pusher(directory, tags):
    """tags: (protocol, id), outer first."""
    return foreign.compile_bpf(directory, PUSH.replace("PROTOCOLS", ", ".join(str(protocol) for protocol, _ in tags))
                               .replace("IDS", ", ".join(str(number) for _, number in tags))
                               .replace("IFINDEX", str(IFINDEX)), "push")


@contextlib.contextmanager
def pusher(namespace, built):
    """The device to send untagged frames to; they leave the lab's device with the tags."""
    namespace.ip_batch([f"link add {ENTRY} type veth peer name {INSIDE}"] +
                       [f"link set {device} {words}"
                        for device in (ENTRY, INSIDE) for words in ("addrgenmode none", "up")])
    namespace.run("tc", "qdisc", "add", "dev", INSIDE, "clsact")
    with foreign.pinned(built) as pin:
        namespace.run("tc", "filter", "add", "dev", INSIDE, "ingress", "bpf", "direct-action", "object-pinned", pin)
    yield ENTRY
    namespace.ip("link", "delete", ENTRY)
