# SPDX-License-Identifier: Apache-2.0
"""Blocking through the control API: starting the command line a thousand times would take longer than the benchmark."""
import http.client
import json
import socket


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("flowguard", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def _block(path, address):
    connection = _Connection(path)
    try:
        connection.request("POST", "/v1/blocks", json.dumps({"target": address, "directions": "in"}))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read().decode()
        answer.read()
    finally:
        connection.close()


def block_all(path, addresses):
    for address in addresses:
        _block(path, address)
