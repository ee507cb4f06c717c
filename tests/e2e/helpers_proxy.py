"""Proxies that do what they should, and what they should not."""

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import struct

import pytest

from upstream import Upstream, answer, head


async def relay(reader, writer, other_reader, other_writer):
    """Both ways, until both are silent."""

    async def one_way(source, sink):
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
                return
        sink.close()

    try:
        await asyncio.gather(one_way(reader, other_writer), one_way(other_reader, writer))
    finally:
        other_writer.close()


class Proxy(Upstream):
    """Knows the hosts of `hosts`, by the address that each has, and addresses.

    `credentials` is the USER:PASSWORD it wants, `hangs` that it never answers, and `targets`
    HOST:PORT of whatever it was to connect to.
    """

    scheme = ""

    def __init__(self, credentials=None, hangs=False, **keywords):
        super().__init__(**keywords)
        self.credentials = credentials
        self.hangs = hangs
        self.hosts = {}
        self.targets = []

    def __enter__(self):
        super().__enter__()
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"{self.scheme}://{self.place}"
        return self

    def as_user(self, userinfo):
        """Its URL, with USER:PASSWORD as they have to be written there."""
        return f"{self.scheme}://{userinfo}@{self.place}"

    async def connect(self, host, port):
        self.targets.append(f"{host}:{port}")
        return await asyncio.open_connection(self.hosts.get(host, host), port)


class HttpProxy(Proxy):
    """CONNECT, and requests for whole URLs. `says` is what it answers instead."""

    def __init__(self, says=None, **keywords):
        super().__init__(**keywords)
        self.scheme = "https" if self.tls else "http"
        self.says = says

    @property
    def asked_for(self):
        """METHOD TARGET of all requests."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def _welcomes(self, request):
        if self.credentials is None:
            return True
        token = base64.b64encode(self.credentials.encode()).decode()
        return request.header("Proxy-Authorization") == f"Basic {token}"

    async def _act(self, request, number, reader, writer):
        if self.hangs:
            await self._release.wait()
            return False
        if self.says is not None:
            writer.write(self.says)
            return self.says != b""
        if not self._welcomes(request):
            wants = [("Proxy-Authenticate", 'Basic realm="a test"')]
            writer.write(answer("who are you?", 407, "text/plain", wants))
            return True
        if request.method == "CONNECT":
            await self._tunnel(request, reader, writer)
            return False
        await self._forward(request, writer)
        return True

    async def _tunnel(self, request, reader, writer):
        host, _, port = request.target.rpartition(":")
        try:
            ends = await self.connect(host.strip("[]"), int(port))
        except OSError:
            writer.write(answer("no way there", 502, "text/plain"))
            return
        writer.write(head(200, [("X-Of-The-Proxy", "yes")], "Connection established"))
        await relay(reader, writer, *ends)

    async def _forward(self, request, writer):
        authority, _, path = request.target.removeprefix("http://").partition("/")
        host, _, port = authority.rpartition(":")
        try:
            server, sink = await self.connect(host.strip("[]"), int(port))
        except OSError:
            writer.write(answer("no way there", 502, "text/plain"))
            return
        lines = [f"{request.method} /{path} HTTP/1.1"]
        lines += [
            f"{name}: {value}"
            for name, value in request.headers
            if not name.lower().startswith("proxy-")
        ]
        sink.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        fields = await server.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", fields)
        writer.write(fields + await server.readexactly(int(length[1])))
        sink.close()


# RFC 1928.
ANYBODY, BY_PASSWORD, NOBODY = 0, 2, 0xFF
SUCCEEDED, NOT_ALLOWED, HOST_UNREACHABLE, REFUSED = 0, 2, 4, 5


class SocksProxy(Proxy):
    """SOCKS5. `replies` is the reply it gives instead of connecting; `kinds` tells whether it
    got names or addresses, `users` the USER:PASSWORD of each who came with one."""

    scheme = "socks5"

    def __init__(self, replies=None, **keywords):
        super().__init__(**keywords)
        self.replies = replies
        self.kinds = []
        self.users = []

    async def _connection(self, reader, writer):
        self._note_connection(+1)
        try:
            if self.hangs:
                await self._release.wait()
            elif await self._greet(reader, writer):
                await self._serve_one(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._note_connection(-1)

    async def _greet(self, reader, writer):
        version, count = await reader.readexactly(2)
        if version != 5:
            return False
        offered = await reader.readexactly(count)
        wanted = ANYBODY if self.credentials is None else BY_PASSWORD
        if wanted not in offered:
            writer.write(bytes([5, NOBODY]))
            return False
        writer.write(bytes([5, wanted]))
        return wanted == ANYBODY or await self._let_in(reader, writer)

    async def _let_in(self, reader, writer):
        """RFC 1929."""
        await reader.readexactly(1)
        words = []
        for _ in "user", "password":
            (length,) = await reader.readexactly(1)
            words.append((await reader.readexactly(length)).decode())
        self.users.append(":".join(words))
        known = self.users[-1] == self.credentials
        writer.write(bytes([1, 0 if known else 1]))
        return known

    async def _read_target(self, reader):
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1
        if kind == 3:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        else:
            packed = await reader.readexactly(4 if kind == 1 else 16)
            host = str(ipaddress.ip_address(packed))
        self.kinds.append("name" if kind == 3 else "address")
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        return host, port

    async def _serve_one(self, reader, writer):
        host, port = await self._read_target(reader)
        reply, ends = self.replies, None
        if reply is None:
            try:
                ends = await self.connect(host, port)
                reply = SUCCEEDED
            except ConnectionRefusedError:
                reply = REFUSED
            except socket.gaierror:
                reply = HOST_UNREACHABLE
        writer.write(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if ends:
            await relay(reader, writer, *ends)


@pytest.fixture
def http_proxy():
    with HttpProxy() as proxy:
        yield proxy


@pytest.fixture
def socks_proxy():
    with SocksProxy() as proxy:
        yield proxy
