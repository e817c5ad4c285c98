# SPDX-License-Identifier: Apache-2.0
"""The lab's services on one host: HTTP on 80, DNS on 53, an SSH banner on 22; IPv4 and IPv6. Prints "ready"."""

import asyncio
import socket
import struct

PAGE = b"<h1>It works</h1>\n" + b"flowguard lab " * 256
HTTP_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)
SSH_BANNER = b"SSH-2.0-lab\r\n"
DNS_ADDRESS = socket.inet_aton("10.77.0.1")


async def converse(writer, conversation):
    try:
        await asyncio.wait_for(conversation, timeout=5)
    except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
        pass
    writer.close()


async def serve_http(reader, writer):
    async def answer():
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HTTP_ANSWER)
        await writer.drain()

    await converse(writer, answer())


async def serve_ssh(reader, writer):
    async def answer():
        writer.write(SSH_BANNER)
        await writer.drain()
        await reader.readline()
        await asyncio.sleep(1)

    await converse(writer, answer())


def dns_answer(query):
    """An A record for every question; None for what is no question."""
    if len(query) < 17 or query[2] & 0x80 or query[4:6] != b"\0\1":
        return None
    end = query.find(b"\0", 12) + 5
    if end < 17 or end > len(query):
        return None
    header = query[:2] + struct.pack("!HHHHH", 0x8580, 1, 1, 0, 0)
    return header + query[12:end] + struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + DNS_ADDRESS


class Dns(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, query, peer):
        answer = dns_answer(query)
        if answer:
            self.transport.sendto(answer, peer)


async def main():
    for port, service in ((80, serve_http), (22, serve_ssh)):
        await asyncio.start_server(service, ("0.0.0.0", "::"), port)
    await asyncio.get_running_loop().create_datagram_endpoint(Dns, local_addr=("::", 53))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
