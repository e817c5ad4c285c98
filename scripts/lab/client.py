# SPDX-License-Identifier: Apache-2.0
"""One user of the lab's services: client.py SERVER COUNTS ROUNDS

A round is a page, a name and a login banner, five times a second. COUNTS always holds "<succeeded> <failed>".
"""

import http.client
import os
import socket
import struct
import sys
import time

PERIOD = 0.2
TIMEOUT = 1.0


def fetch_page(server):
    connection = http.client.HTTPConnection(server, 80, timeout=TIMEOUT)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status == 200 and b"It works" in answer.read()
    finally:
        connection.close()


def resolve_name(server):
    number = os.urandom(2)
    question = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + b"\3www\3lab\0" + struct.pack("!HH", 1, 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect((server, 53))
        sock.send(number + question)
        answer = sock.recv(512)
    return answer[:2] == number and answer.endswith(socket.inet_aton("10.77.0.1"))


def greet_ssh(server):
    with socket.create_connection((server, 22), timeout=TIMEOUT) as sock:
        banner = sock.recv(64)
        sock.sendall(b"SSH-2.0-client\r\n")
    return banner.startswith(b"SSH-2.0-")


def succeeds(service, server):
    try:
        return service(server)
    except (OSError, http.client.HTTPException):
        return False


def write_counts(path, succeeded, failed):
    with open(path + ".new", "w", encoding="ascii") as file:
        print(succeeded, failed, file=file)
    os.rename(path + ".new", path)


def main(server, path, rounds):
    succeeded = failed = 0
    for _ in range(int(rounds)):
        for service in (fetch_page, resolve_name, greet_ssh):
            if succeeds(service, server):
                succeeded += 1
            else:
                failed += 1
            write_counts(path, succeeded, failed)
        time.sleep(PERIOD)


main(*sys.argv[1:])
