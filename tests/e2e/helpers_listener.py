"""A daemon that listens, and clients of its listener, who may send whatever bytes they like."""

import collections
import contextlib
import json
import os
import socket
import struct
import sys
import time

from conftest import PATIENCE
from helpers_daemon import Daemon
from helpers_tools import free_port


def wait_until(condition, timeout=PATIENCE):
    """Wait for what no event tells of; what CONDITION() came to."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
    return result


def request(path, method="GET", version="1.1", host="localhost", headers=(), **named):
    """The bytes of a request. NAMED are headers, with _ for -; HOST None: without that one."""
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


class Answer:
    """What came back; the names of headers are in lower case."""

    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.version, status, self.reason = first.split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.headers, head
            self.headers[name.lower()] = value
        self.body = b""

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, sock):
        self.sock = sock
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        """Close it by a RST where that exists (TCP)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # ---- reading ----

    def _fill(self):
        data = self.sock.recv(1 << 20)
        self.input += data
        return bool(data)

    def take(self, size):
        """The next SIZE bytes."""
        while len(self.input) < size:
            assert self._fill(), f"the connection ended within {self.input[-1000:]!r}"
        taken, self.input = self.input[:size], self.input[size:]
        return taken

    def take_until(self, end):
        """What stands before the next END, which is taken, too."""
        while end not in self.input:
            assert self._fill(), f"the connection ended within {self.input[-1000:]!r}"
        taken, _, self.input = self.input.partition(end)
        return taken

    def rest(self):
        """All that comes until the connection ends."""
        with contextlib.suppress(ConnectionResetError):
            while self._fill():
                pass
        taken, self.input = self.input, b""
        return taken

    def has_ended(self):
        """Does it end, without another byte?"""
        return self.rest() == b""

    def is_open(self):
        """Is it neither closed nor has anything to say?"""
        self.sock.setblocking(False)
        try:
            return self.input == b"" and self.sock.recv(1, socket.MSG_PEEK) is None
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.sock.settimeout(PATIENCE)

    # ---- asking ----

    def head(self):
        return Answer(self.take_until(b"\r\n\r\n"))

    def answer(self, method="GET"):
        """The next answer, which is to a request with METHOD."""
        answer = self.head()
        if method != "HEAD" and answer.status != 304:
            assert "transfer-encoding" not in answer.headers
            answer.body = self.take(int(answer.headers["content-length"]))
        return answer

    def ask(self, path, method="GET", **keywords):
        self.send(request(path, method, **keywords))
        return self.answer(method)


Event = collections.namedtuple("Event", "id generation kind data")


class Follower(Client):
    """One that follows /events; LAST_ID is its Last-Event-ID."""

    def __init__(self, sock, last_id=None):
        super().__init__(sock)
        named = {} if last_id is None else {"Last_Event_ID": last_id}
        self.send(request("/events", **named))
        self.started = self.head()
        self.lines = b""
        self.retry = None
        self.comments = 0

    def line(self):
        """The next line of what stands in the chunks (RFC 9112, section 7.1)."""
        while b"\n" not in self.lines:
            size = int(self.take_until(b"\r\n"), 16)
            assert size > 0, "the events came to their end"
            self.lines += self.take(size)
            assert self.take(2) == b"\r\n"
        line, _, self.lines = self.lines.partition(b"\n")
        return line.decode("utf-8")

    def next(self):
        """The next event."""
        fields = {}
        while (line := self.line()) or "data" not in fields:
            name, _, value = line.partition(":")
            if not line:  # what ended was no event
                fields = {}
            elif name == "":
                self.comments += 1
            elif name == "retry":
                self.retry = int(value)
            else:
                assert name not in fields
                fields[name] = value.removeprefix(" ")
        assert fields.keys() == {"id", "event", "data"}
        generation = int(fields["id"].partition("-")[0])
        data = json.loads(fields["data"])
        event = Event(fields["id"], generation, fields["event"], data)
        assert event.kind == "generation" and generation == data["generation"]
        return event

    def until(self, generation):
        """The first event of GENERATION or a later one."""
        while (event := self.next()).generation < generation:
            pass
        return event


class Place:
    """Where a daemon listens: what stands in its config as `listen`."""

    def __init__(self, listen):
        self.listen = listen
        self.is_unix = listen.startswith("unix:")
        if self.is_unix:
            self.family, self.address = socket.AF_UNIX, listen.removeprefix("unix:")
            return
        host, _, port = listen.rpartition(":")
        self.family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        self.address = (host.strip("[]"), int(port))

    def opened(self):
        """A socket that listens here: of another one."""
        sock = socket.socket(self.family)
        if not self.is_unix:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(self.address)
        sock.listen(128)
        return sock

    def socket(self, receive_buffer=None):
        sock = socket.socket(self.family)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        return sock

    def connect(self, **keywords):
        return Client(self.socket(**keywords))

    def follow(self, last_id=None, **keywords):
        return Follower(self.socket(**keywords), last_id)

    def ask(self, path, method="GET", **keywords):
        """The answer to a request on a connection of its own."""
        with self.connect() as client:
            return client.ask(path, method, **keywords)

    def is_open(self):
        """Does somebody listen here?"""
        try:
            self.socket().close()
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True


def tcp_place(host="127.0.0.1"):
    """At a port that is free; HOST as it stands in a config."""
    return Place(f"{host}:{free_port()}")


def unix_place(folder, name="http.sock"):
    return Place(f"unix:{folder}/{name}")


class Listening(Daemon):
    """A daemon that listens at PLACE; CONFIG is a map."""

    def __init__(self, gatherd, config, place, *arguments, **keywords):
        super().__init__(gatherd, self.at(config, place), *arguments, **keywords)
        self.place = place

    @staticmethod
    def at(config, place):
        return {**config, "listen": place.listen}

    def ask(self, path, method="GET", **keywords):
        return self.place.ask(path, method, **keywords)

    def first_document(self, *arguments):
        """The same, once it is shown, too."""
        document = super().first_document(*arguments)
        self.shown(document["generation"])
        return document

    def shown(self, generation=1):
        """Wait until GENERATION, or a later one, is shown: that is soon after it was
        written. The number of what is shown."""
        with self.place.follow() as follower:
            return follower.until(generation).generation

    def descriptors_settle(self, most):
        """Wait until no more than MOST are open."""
        wait_until(lambda: self.descriptors() <= most)


def handed_over(*sockets, pid=None, count=None):
    """Keywords for a Daemon that gets SOCKETS as systemd hands them over (sd_listen_fds(3)):
    with descriptors from 3 on. PID and COUNT: what the variables say instead."""
    script = """if True:
        import fcntl, os, sys
        pid, count, fds, *program = sys.argv[1:]
        # Away from the places that they go to.
        fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in fds.split()]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)
        os.closerange(3 + len(fds), 100 + len(fds))
        os.environ.update(LISTEN_PID=pid or str(os.getpid()), LISTEN_FDS=count or str(len(fds)))
        os.execv(program[0], program)
    """
    numbers = [sock.fileno() for sock in sockets]
    return {
        "under": [sys.executable, "-c", script]
        + [str(pid or ""), str(count or ""), " ".join(map(str, numbers))],
        "pass_fds": numbers,
    }


def mode_of(path):
    return os.stat(path).st_mode & 0o7777
