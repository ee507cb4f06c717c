"""Running gatherd as a daemon: its log and its documents as events to wait for."""

import asyncio
import contextlib
import ctypes
import os
import re
import select
import signal
import struct
import threading
import time

import pytest

from conftest import PATIENCE
from helpers_document import read_document
from upstream import Upstream, answer

libc = ctypes.CDLL(None, use_errno=True)

IN_CLOSE_WRITE = 0x008
IN_MOVED_TO = 0x080


class Watch:
    """Waits for files that are put in place in a folder (inotify(7))."""

    def __init__(self, folder):
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.fd >= 0
        wanted = IN_MOVED_TO | IN_CLOSE_WRITE
        assert libc.inotify_add_watch(self.fd, os.fsencode(folder), wanted) >= 0

    def wait(self, seconds):
        """The names of files that came, or [] when SECONDS are over."""
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return []
        data = os.read(self.fd, 65536)
        names = []
        while data:
            length = struct.unpack_from("iIII", data)[3]
            names.append(data[16 : 16 + length].rstrip(b"\0").decode())
            data = data[16 + length :]
        return names

    def close(self):
        os.close(self.fd)


class Daemon:
    """gatherd without --once: `with Daemon(gatherd, config) as daemon`.

    GATHERD is the fixture; CONFIG a text or what becomes JSON. The document is
    status.json in the folder, unless OUTPUT says otherwise (None: no -o).
    """

    def __init__(self, gatherd, config, *arguments, output="status.json", **keywords):
        self.gatherd = gatherd
        self.config_path = gatherd.config(config)
        self.output = gatherd.folder / output if output else None
        self.arguments = ["-c", self.config_path, *arguments]
        if self.output:
            self.arguments += ["-o", self.output]
        self.keywords = keywords
        self.lines = []
        self._log_ended = False
        self._news = threading.Condition()

    def __enter__(self):
        self._generation_before = self._generation()
        self.watch = Watch(self.gatherd.folder)
        self.process = self.gatherd.start(*self.arguments, **self.keywords)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            finally:
                self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        self.watch.close()
        if self.process.stdout:
            self.process.stdout.close()
        assert self.process.returncode != 99, "a sanitizer complains:\n" + self.log

    def _read_log(self):
        with self.process.stderr as stream:
            for line in stream:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._log_ended = True
            self._news.notify_all()

    # ---- the log ----

    @property
    def log(self):
        return "\n".join(self.lines)

    def matches(self, pattern):
        """The lines that PATTERN is found in, as they are now."""
        return [line for line in list(self.lines) if re.search(pattern, line)]

    def wait_log(self, pattern, count=1, timeout=PATIENCE, begin=0):
        """Wait until COUNT lines, from the one with number BEGIN on, have PATTERN in them;
        the last of them."""
        found = []

        def look():
            nonlocal begin
            new = self.lines[begin:]
            begin += len(new)
            found.extend(line for line in new if re.search(pattern, line))
            return len(found) >= count

        with self._news:
            assert self._news.wait_for(look, timeout), (
                f"no {pattern!r} ({count} times) in the log:\n{self.log}"
            )
        return found[count - 1]

    # ---- the document ----

    @property
    def document(self):
        """The document that is there now."""
        return read_document(self.output)

    def wait_document(self, condition=lambda document: True, timeout=PATIENCE):
        """Wait for a document that CONDITION says is it."""
        end = time.monotonic() + timeout
        document = None
        while True:
            ended = self.process.poll() is not None
            with contextlib.suppress(FileNotFoundError):
                document = self.document
                if condition(document):
                    return document
            left = end - time.monotonic()
            # Whoever has ended puts nothing in place any more.
            assert left > 0 and not ended, f"not the document: {document}\nlog:\n{self.log}"
            self.watch.wait(min(left, 1))

    def _generation(self):
        """Of the document that is there; 0 where there is none, or something else."""
        if not self.output or not self.output.is_file():
            return 0
        with open(self.output, "rb") as file:
            found = re.search(rb'"generation": (\d+)', file.read(4096))
        return int(found[1]) if found else 0

    def first_document(self, timeout=PATIENCE):
        """A document that was not there before this daemon began."""
        before = self._generation_before
        return self.wait_document(lambda new: new["generation"] > before, timeout)

    def next_document(self, timeout=PATIENCE):
        """A document that is not there yet."""
        before = self._generation()
        return self.wait_document(lambda new: new["generation"] > before, timeout)

    # ---- the process ----

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None):
        """SIGHUP, after CONFIG (if given) took the place of the old one; waits for the
        verdict and returns whether it was taken."""
        if config is not None:
            self.gatherd.config(config, self.config_path.name)
        verdict = r"config reloaded: |config not reloaded"
        begin = len(self.lines)
        self.signal(signal.SIGHUP)
        return "not reloaded" not in self.wait_log(verdict, begin=begin)

    def stop(self, number=None):
        """End it, by SIGTERM unless said otherwise; (exit status, seconds)."""
        begun = time.monotonic()
        self.signal(number or signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        return status, time.monotonic() - begun

    def kill(self):
        self.process.kill()
        self.process.wait()

    def status_of(self, field):
        """A field of /proc/PID/status, such as VmRSS, as a number."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            for line in lines:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class HeldUpstream(Upstream):
    """An upstream whose /held/... answer when they are let go, and that knows when one who
    asked did not wait for it."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.ended = {}  # path -> how often whoever asked went away
        self._gates = {}  # path -> asyncio.Event

    def let_go(self, *paths):
        """Answer what waits for PATHS; from now on they are answered at once."""
        for path in paths:
            self._loop.call_soon_threadsafe(lambda path=path: self._gate(path).set())

    def hold(self, *paths):
        """Let go of nothing more that comes for PATHS."""
        for path in paths:
            self._loop.call_soon_threadsafe(lambda path=path: self._gate(path).clear())

    def _gate(self, path):
        return self._gates.setdefault(path, asyncio.Event())

    async def do_held(self, request, rest, reader, writer):
        waits = [self._gate(request.path).wait(), reader.read(1)]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                with self._changed:
                    self.ended[request.path] = self.ended.get(request.path, 0) + 1
                    self._changed.notify_all()
                return False
        finally:
            tasks[1].cancel()
            await asyncio.wait(tasks[1:])
            tasks[0].cancel()
        writer.write(answer('{"held": true}'))
        return True


@pytest.fixture
def held():
    with HeldUpstream() as upstream:
        yield upstream
