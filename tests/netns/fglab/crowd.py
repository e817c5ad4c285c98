# SPDX-License-Identifier: Apache-2.0
"""A device whose tcx hooks are full, as a kernel without tcx is to flowguard: it takes a clsact qdisc instead."""
import contextlib
import ctypes
import errno
import os
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
PROG_LOAD, LINK_CREATE = 5, 28                # enum bpf_cmd
SCHED_CLS = 3                                 # enum bpf_prog_type
TCX_INGRESS, TCX_EGRESS = 46, 47              # enum bpf_attach_type
NEXT = struct.pack("<BBhi", 0xb7, 0, 0, -1) + struct.pack("<BBhi", 0x95, 0, 0, 0)  # r0 = TCX_NEXT; exit
ATTRIBUTES = 144
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    fd = _libc.syscall(SYS_BPF, command, ctypes.create_string_buffer(attributes.ljust(ATTRIBUTES, b"\0"), ATTRIBUTES),
                       ATTRIBUTES)
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return fd


def _load():
    code, license_name = ctypes.create_string_buffer(NEXT), ctypes.create_string_buffer(b"GPL")
    return _bpf(PROG_LOAD, struct.pack("<IIQQ", SCHED_CLS, len(NEXT) // 8, ctypes.addressof(code),
                                       ctypes.addressof(license_name)))


def has_tcx():
    return tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 6)


TC = "tcx" if has_tcx() else "clsact"  # what --xdp-mode off takes on this kernel


def _fill(ifindex, hook, fds):
    """Until the kernel says that the hook is full."""
    while True:
        fds.append(_load())
        try:
            fds.append(_bpf(LINK_CREATE, struct.pack("<IIII", fds[-1], ifindex, hook, 0)))
        except OSError as error:
            if error.errno == errno.ERANGE:
                return
            raise


@contextlib.contextmanager
def full_tcx(namespace, ifindex):
    """Programs that let everything pass, as many as fit."""
    fds = []
    try:
        with namespace.entered():
            for hook in (TCX_INGRESS, TCX_EGRESS):
                _fill(ifindex, hook, fds)
        yield
    finally:
        for fd in fds:
            os.close(fd)
