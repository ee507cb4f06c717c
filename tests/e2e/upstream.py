"""An HTTP upstream that can be slow, broken and hostile on purpose.

What it does stands in the path that is asked, so that a config reads like a table of
answers and faults. It writes its answers byte by byte: no library would let it misbehave
so. Every request it got is kept, and how many are being answered at once is counted.
"""

import asyncio
import base64
import gzip
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import warnings


class Request:
    """One request as it came in."""

    def __init__(self, method, target, headers, body=b""):
        self.method = method
        self.target = target
        self.headers = headers  # a list of (name, value), names as sent
        self.body = body
        self.at = time.monotonic()
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    def header(self, name):
        """The value of the header NAME in any case, or None."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def json(self):
        return json.loads(self.body)


def head(status=200, headers=(), reason="Whatever"):
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def sends(body, content_type="application/json", status=200):
    """The path that answers BODY, text or bytes, as it is; no CONTENT_TYPE: ""."""
    if isinstance(body, str):
        body = body.encode()
    query = {
        "base64": base64.urlsafe_b64encode(body).decode(),
        "type": content_type,
        "status": status,
    }
    return "/body?" + urllib.parse.urlencode(query)


def raw(text):
    """The path that answers with exactly these bytes, head and all, and closes."""
    return "/raw?base64=" + base64.urlsafe_b64encode(text).decode()


def moves(to, status=302, after=0):
    """The path that redirects to TO."""
    query = {"to": to, "status": status, "after": after}
    return "/redirect?" + urllib.parse.urlencode(query)


def answer(body=b"", status=200, content_type="application/json", headers=()):
    if isinstance(body, str):
        body = body.encode()
    fields = [("Content-Length", len(body))]
    if content_type is not None:
        fields.append(("Content-Type", content_type))
    return head(status, fields + list(headers)) + body


class Upstream:
    """Use as a context manager; `url` is where it listens, on a free port."""

    def __init__(self, host="127.0.0.1", tls=None, latest_tls=None, client_ca=None):
        self.host = host
        self.tls = tls  # (certificate file, key file)
        self.latest_tls = latest_tls  # an ssl.TLSVersion
        self.client_ca = client_ca  # a file: clients need a certificate of it
        self.requests = []
        self.connections = 0
        self.open = 0  # connections that are
        self.now = 0  # requests being answered
        self.most = 0  # ... at once, at the most
        self.answers = {}  # path -> bytes, or a function of (request, number) to bytes
        self.asked = {}  # path -> how often
        self._barriers = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    # ---- from the tests' thread ----

    def __enter__(self):
        listener = socket.create_server(
            (self.host, 0), family=socket.AF_INET6 if ":" in self.host else socket.AF_INET
        )
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), daemon=True
        )
        self._thread.start()
        started.wait()
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"{'https' if self.tls else 'http'}://{shown}:{self.port}"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def wait_for(self, condition, timeout=20):
        """Wait until CONDITION(self) holds; it is looked at whenever something came in."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout)

    def paths(self):
        with self._lock:
            return [request.path for request in self.requests]

    def asked_for(self, path):
        """The requests for PATH, in the order in which they came."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    # ---- in the loop's thread ----

    def _tls_context(self):
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.latest_tls:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = self.latest_tls
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(*self.tls)
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def _serve(self, listener, started):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._release = asyncio.Event()  # lets go of everything that hangs
        server = await asyncio.start_server(
            self._connection,
            sock=listener,
            ssl=self._tls_context(),
            backlog=4096,
            limit=1 << 20,
        )
        started.set()
        await self._stop.wait()
        self._release.set()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, request):
        with self._changed:
            self.requests.append(request)
            number = self.asked[request.path] = self.asked.get(request.path, 0) + 1
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
            return number

    def _note_end(self):
        with self._changed:
            self.now -= 1
            self._changed.notify_all()

    def _note_connection(self, change):
        with self._changed:
            self.open += change
            self.connections += change > 0
            self._changed.notify_all()

    async def _connection(self, reader, writer):
        self._note_connection(+1)
        try:
            while True:
                request = await self._read_request(reader, writer)
                if request is None:
                    break
                number = self._note(request)
                try:
                    keep = await self._act(request, number, reader, writer)
                    await writer.drain()
                finally:
                    self._note_end()
                if not keep:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass
        finally:
            writer.close()
            self._note_connection(-1)

    async def _read_request(self, reader, writer):
        try:
            text = await reader.readexactly(1)
            if not text.isalpha():  # TLS, where none is spoken
                writer.write(answer("no HTTP", 400, "text/plain"))
                return None
            text += await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        lines = text.decode("latin-1").split("\r\n")
        method, target, version = lines[0].split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        request = Request(method, target, headers)
        request.version = version
        request.body = await reader.readexactly(int(request.header("Content-Length") or 0))
        return request

    def _reset(self, writer):
        """Close with RST instead of FIN."""
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _act(self, request, number, reader, writer):
        """Answer REQUEST; returns whether the connection may be used again."""
        special = self.answers.get(request.path)
        if special is not None:
            writer.write(special(request, number) if callable(special) else special)
            return True
        _, name, *rest = request.path.split("/")
        act = getattr(self, "do_" + name.replace("-", "_"), None)
        if act is None:
            writer.write(answer("no such answer", 404, "text/plain"))
            return True
        return await act(request, rest, reader, writer) is not False

    # ---- what the paths do ----

    async def do_ok(self, request, rest, reader, writer):
        writer.write(answer('{"ok": true}'))

    async def do_echo(self, request, rest, reader, writer):
        """What came in, as JSON."""
        seen = {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": request.body.decode("latin-1"),
        }
        writer.write(answer(json.dumps(seen)))

    async def do_status(self, request, rest, reader, writer):
        """/status/503: that status with a text of its own."""
        text = request.query.get("text", f"this is {rest[0]}")
        headers = []
        if "retry_after" in request.query:
            headers.append(("Retry-After", request.query["retry_after"]))
        if rest[0] in ("204", "304"):  # no body, and no word of it (RFC 9112, 6.3)
            writer.write(head(int(rest[0]), headers))
            return
        writer.write(answer(text, int(rest[0]), "text/plain", headers))

    async def do_delay(self, request, rest, reader, writer):
        """/delay/0.5: answer so many seconds late."""
        await asyncio.sleep(float(rest[0]))
        writer.write(answer('{"late": %s}' % rest[0]))

    async def do_together(self, request, rest, reader, writer):
        """/together/5: answer when five are waiting for it."""
        count = int(rest[0])
        barrier = self._barriers.setdefault(request.path, asyncio.Barrier(count))
        await barrier.wait()
        writer.write(answer('{"together": %d}' % count))

    async def do_leave(self, request, rest, reader, writer):
        """Answer, and close the connection without having said so."""
        writer.write(answer('{"ok": true}'))
        return False

    async def do_interim(self, request, rest, reader, writer):
        """103 with a Location, 102, and then the answer (RFC 9110, 15.2)."""
        writer.write(head(103, [("Location", "/nowhere"), ("Link", "</style.css>")]))
        writer.write(head(102) + answer('{"ok": "in the end"}'))

    async def do_hang(self, request, rest, reader, writer):
        """Never answer."""
        await self._release.wait()
        return False

    async def do_hang_interim(self, request, rest, reader, writer):
        """Answer that the answer will come, which it does not."""
        writer.write(head(103))
        await writer.drain()
        await self._release.wait()
        return False

    async def do_hang_head(self, request, rest, reader, writer):
        """Answer half a head, and then no more."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: ")
        await writer.drain()
        await self._release.wait()
        return False

    async def do_hang_body(self, request, rest, reader, writer):
        """Answer half a body, and then no more."""
        writer.write(head(200, [("Content-Length", 100), ("Content-Type", "text/plain")]))
        writer.write(b"half of it")
        await writer.drain()
        await self._release.wait()
        return False

    async def do_bytewise(self, request, rest, reader, writer):
        """/bytewise/0.01: a byte each so many seconds."""
        for byte in answer('{"slow": "but whole"}'):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(float(rest[0]))

    async def do_close(self, request, rest, reader, writer):
        """Close without a word."""
        return False

    async def do_half(self, request, rest, reader, writer):
        """Promise 100 bytes and send 50."""
        writer.write(head(200, [("Content-Length", 100), ("Content-Type", "text/plain")]))
        writer.write(b"x" * 50)
        return False

    async def do_half_chunk(self, request, rest, reader, writer):
        """End inside a chunk."""
        writer.write(head(200, [("Transfer-Encoding", "chunked")]))
        writer.write(b"20\r\nonly this much")
        return False

    async def do_half_head(self, request, rest, reader, writer):
        """End inside the header."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
        return False

    async def do_reset(self, request, rest, reader, writer):
        """Reset before a byte was sent."""
        self._reset(writer)
        return False

    async def do_reset_body(self, request, rest, reader, writer):
        """Reset inside the body."""
        writer.write(head(200, [("Content-Length", 1000)]) + b"x" * 10)
        await writer.drain()
        self._reset(writer)
        return False

    async def do_garbage(self, request, rest, reader, writer):
        """No HTTP at all."""
        writer.write(b"\x00\xff\x13\x37 what is this?\r\n\r\n")
        return False

    async def do_huge_header(self, request, rest, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(3000):
            writer.write(b"X-Number-%d: " % number + b"x" * 60 + b"\r\n")
        writer.write(b"Content-Length: 2\r\n\r\n{}")
        return False

    async def do_size(self, request, rest, reader, writer):
        """/size/20000000: so many bytes; ?chunked without telling the length."""
        left = int(rest[0])
        if "chunked" in request.query:
            length = ("Transfer-Encoding", "chunked")
        else:
            length = ("Content-Length", left)
        writer.write(head(200, [length, ("Content-Type", "text/plain")]))
        while left > 0:
            piece = b"x" * min(left, 65536)
            if "chunked" in request.query:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            else:
                writer.write(piece)
            await writer.drain()
            left -= len(piece)
        if "chunked" in request.query:
            writer.write(b"0\r\n\r\n")

    async def do_gzip_bomb(self, request, rest, reader, writer):
        """A few KiB that would be 10 MB."""
        body = await asyncio.to_thread(gzip.compress, b" " * 10_000_000, 1)
        writer.write(answer(body, headers=[("Content-Encoding", "gzip")]))

    async def do_body(self, request, rest, reader, writer):
        """What sends() says."""
        body = base64.urlsafe_b64decode(request.query["base64"])
        content_type = request.query["type"] or None
        writer.write(answer(body, int(request.query["status"]), content_type))

    async def do_raw(self, request, rest, reader, writer):
        """What raw() says."""
        writer.write(base64.urlsafe_b64decode(request.query["base64"]))
        return False

    async def do_deep(self, request, rest, reader, writer):
        """/deep/29: arrays so deep in each other."""
        depth = int(rest[0])
        writer.write(answer("[" * depth + "]" * depth))

    async def do_longer(self, request, rest, reader, writer):
        """More body than Content-Length says."""
        writer.write(head(200, [("Content-Length", 2), ("Content-Type", "application/json")]))
        writer.write(b"{}and more of it")
        return False

    async def do_redirect(self, request, rest, reader, writer):
        """/redirect/3: three hops to /ok; what moves() says: one hop there."""
        if "to" in request.query:
            to = request.query["to"]
        else:
            left = int(rest[0])
            to = "/ok" if left <= 1 else f"/redirect/{left - 1}"
        await asyncio.sleep(float(request.query.get("after", 0)))
        status = int(request.query.get("status", 302))
        writer.write(answer("moved", status, "text/plain", [("Location", to)]))

    async def do_loop(self, request, rest, reader, writer):
        writer.write(answer("round", 302, "text/plain", [("Location", "/loop")]))


class BadPorts:
    """Ports of 127.0.0.1 that are worse than any Upstream. Use as a context manager."""

    def __enter__(self):
        self.sockets = []
        return self

    def __exit__(self, *_):
        for each in self.sockets:
            each.close()

    def _bound(self, host):
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sockets.append(made)
        made.bind((host, 0))
        return made

    def refused(self, host="127.0.0.1"):
        """Nobody listens there."""
        return self._bound(host).getsockname()[1]

    def silent(self):
        """The kernel accepts connections, and nobody says a word."""
        listening = self._bound("127.0.0.1")
        listening.listen(100)
        return listening.getsockname()[1]

    def full(self):
        """Attempts to connect are not answered: there is no room for one more."""
        listening = self._bound("127.0.0.1")
        listening.listen(0)
        for _ in range(16):
            caller = socket.socket()
            self.sockets.append(caller)
            caller.settimeout(0.1)
            try:
                caller.connect(listening.getsockname())
            except TimeoutError:
                return listening.getsockname()[1]
        raise AssertionError("this kernel accepts connections without end")
