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


def _ask(path, *request):
    connection = _Connection(path)
    try:
        connection.request(*request)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def get(path, target):
    return _ask(path, "GET", target)[1]


def post(path, target, body):
    status, answer = _ask(path, "POST", target, json.dumps(body))
    assert status == 200, answer
    return answer
