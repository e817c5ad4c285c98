# SPDX-License-Identifier: Apache-2.0
"""The control API, for what is asked so often that starting the program each time would take too long."""
import http.client
import json
import socket


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout_s=10):
        super().__init__("flowguard", timeout=timeout_s)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def get(path, target):
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
