# SPDX-License-Identifier: Apache-2.0
"""Real traffic through the kernel's own protocols."""
import contextlib
import socket
import threading

from .lab import HOST_V4, PEER_V4

SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h
CHUNK = 1 << 16
UNSENT = 1 << 16  # keeps what is on its way below the 256 frames of a veth ring, so that the cable drops none
PORT = 7777
TIMEOUT_S = 20
ANSWER_S = 0.05


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _serve(listener, answer):
    with listener:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(TIMEOUT_S)
                while connection.recv(CHUNK):
                    pass
                connection.sendall(answer)


@contextlib.contextmanager
def tcp_server(namespace, address, port=PORT, answer=b""):
    """Reads each connection to its end, then answers."""
    listener = namespace.socket(family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
    thread.start()
    try:
        yield port
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(TIMEOUT_S)


def tcp_send(namespace, address, data, port=PORT, source=None, timeout_s=TIMEOUT_S):
    """One connection, closed cleanly by both sides; returns the answer."""
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT)
        client.settimeout(timeout_s)
        if source:
            client.bind((source, 0))
        client.connect((address, port))
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = bytearray()
        while chunk := client.recv(CHUNK):
            answer += chunk
        return bytes(answer)


def tcp_reaches(namespace, address, port=PORT, source=None, timeout_s=0.3):
    try:
        tcp_send(namespace, address, b"?", port, source, timeout_s)
        return True
    except OSError:
        return False


class UdpPair:
    """A receiver and a sender, so that no datagram meets a closed port."""

    def __init__(self, to_namespace, to_address, from_namespace, from_address, port=PORT):
        self.to = (to_address, port)
        self.receiver = to_namespace.socket(family_of(to_address), socket.SOCK_DGRAM)
        self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.receiver.bind(self.to)
        self.receiver.setblocking(False)
        self.sender = from_namespace.socket(family_of(to_address), socket.SOCK_DGRAM)
        self.sender.bind((from_address, 0))
        self.port = self.sender.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sender.close()
        self.receiver.close()

    def send(self, count=1, length=100):
        for _ in range(count):
            self.sender.sendto(bytes(length), self.to)

    def send_segmented(self, calls, segments, length):
        """One large datagram per call, which the kernel or the device cuts up."""
        self.sender.setsockopt(SOL_UDP, UDP_SEGMENT, length)
        for _ in range(calls):
            self.sender.sendto(bytes(segments * length), self.to)
        self.sender.setsockopt(SOL_UDP, UDP_SEGMENT, 0)

    def received(self):
        """Datagrams that have arrived since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.receiver.recv(CHUNK)
                count += 1
        return count


class UdpConversation:
    """The peer asks, the host answers; counts what reached the other side's application."""

    def __init__(self, lab):
        self.host = lab.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.host.bind((HOST_V4, PORT))
        self.peer = lab.peer.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((PEER_V4, 0))
        self.port = self.peer.getsockname()[1]
        self.arrived = self.answered = 0

    def __enter__(self):
        for end in (self.host, self.peer):
            end.settimeout(ANSWER_S)
        return self

    def __exit__(self, *_):
        self.host.close()
        self.peer.close()

    def exchange(self, count):
        for _ in range(count):
            self.peer.sendto(b"?", (HOST_V4, PORT))
            with contextlib.suppress(TimeoutError):  # the flood may have filled the device's ring
                _, asker = self.host.recvfrom(CHUNK)
                self.arrived += 1
                self.host.sendto(b"!", asker)
                self.answered += 1
                self.peer.recvfrom(CHUNK)


def ping(namespace, address, count=5, length=56, wait_s=1, source=None):
    """How many answers came."""
    bind = ["-I", source] if source else []
    done = namespace.run("ping", "-q", "-c", count, "-i", 0.002, "-W", wait_s, "-s", length, *bind, address,
                         check=False)
    return int(done.stdout.split(" received")[0].rsplit(" ", 1)[1])
