"""A process that was stopped comes back after its deadlines: that counts against nobody."""

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
import time

import pytest

from conftest import PATIENCE
from helpers_document import read_document
from upstream import Upstream, answer, head, moves

# A stop has to outlast the timeout: here, waiting is the point.
TIMEOUT = 1
AWAY = 2


class PartedUpstream(Upstream):
    """Answers /parts/3 in so many parts, each when it is let go."""

    async def _serve(self, *arguments):
        self._parts = asyncio.Semaphore(0)
        await super()._serve(*arguments)

    def let_go(self):
        self._loop.call_soon_threadsafe(self._parts.release)

    async def do_parts(self, request, rest, reader, writer):
        count = int(rest[0])
        writer.write(head(200, [("Content-Length", count), ("Content-Type", "text/plain")]))
        for _ in range(count):
            await self._parts.acquire()
            writer.write(b"x")
            await writer.drain()


@pytest.fixture
def parted():
    with PartedUpstream() as parted:
        yield parted


def state_of(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        return stat.read().rpartition(") ")[2][0]


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def stop(process):
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(process) == "T")


@contextlib.contextmanager
def away(process, seconds=AWAY):
    """The process stands still meanwhile, and for so long at least."""
    stop(process)
    begun = time.monotonic()
    yield
    time.sleep(max(0, begun + seconds - time.monotonic()))
    process.send_signal(signal.SIGCONT)


def start(gatherd, url, timeout=f"{TIMEOUT}s", rounds=1, **keywords):
    config = {
        "timeout": timeout,
        "connect_timeout": timeout,
        "services": {"it": {"url": url, "format": "text"}},
    }
    return gatherd.start(
        *["--rounds", rounds, "-o", "out.json", "-c", gatherd.config(config)],
        **keywords,
    )


def entry_of(gatherd, process):
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 1), stderr
    return read_document(gatherd.folder / "out.json")["services"]["it"]


def expect_ok(gatherd, process):
    entry = entry_of(gatherd, process)
    assert entry["status"] == "ok", entry["error"]
    timing = entry["timing_ms"]
    assert all(time is None or 0 <= time for time in timing.values())
    assert timing["first_byte"] <= timing["total"] <= entry["duration_ms"] + 1
    return entry


def test_an_answer_that_came_meanwhile_is_read(gatherd, upstream):
    process = start(gatherd, upstream.url + "/delay/0.3")
    upstream.wait_for(lambda it: it.requests)
    with away(process):
        upstream.wait_for(lambda it: it.now == 0)
    entry = expect_ok(gatherd, process)
    # It says what it was like.
    assert entry["duration_ms"] >= AWAY * 1000


def test_even_where_the_deadline_passed_a_moment_ago(gatherd, parted):
    """Too short a stop to be noticed, and nothing but the deadline is due after it."""
    process = start(gatherd, parted.url + "/parts/1", timeout="500ms", rounds=2)
    parted.let_go()
    parted.wait_for(lambda it: len(it.requests) == 2)
    with away(process, 0.6):
        parted.let_go()
        parted.wait_for(lambda it: it.now == 0)
    expect_ok(gatherd, process)


def test_an_answer_may_take_what_time_was_left(gatherd, parted):
    process = start(gatherd, parted.url + "/parts/1")
    parted.wait_for(lambda it: it.requests)
    with away(process):
        pass
    time.sleep(0.3)
    parted.let_go()
    expect_ok(gatherd, process)


def test_a_body_goes_on_after_each_stop(gatherd, parted):
    process = start(gatherd, parted.url + "/parts/3")
    parted.wait_for(lambda it: it.requests)
    for _ in range(3):
        with away(process, 1.5):
            pass
        time.sleep(0.1)
        parted.let_go()
    assert expect_ok(gatherd, process)["data"] == "xxx"


def test_what_never_answers_times_out_afterwards(gatherd, upstream, slack):
    process = start(gatherd, upstream.url + "/hang")
    upstream.wait_for(lambda it: it.requests)
    with away(process, 3):
        pass
    back = time.monotonic()
    entry = entry_of(gatherd, process)
    seconds = time.monotonic() - back
    assert entry["status"] == "timeout"
    assert entry["error"]["message"] == "timed out after 1s waiting for the first byte"
    # How long it was away is known to half a second.
    assert TIMEOUT / 2 < seconds < TIMEOUT + 1 * slack


@contextlib.contextmanager
def stutter(process, here, away):
    """The process is stopped over and over, and here in between, for so many seconds."""
    over = threading.Event()

    def stop_and_go():
        while not over.wait(here):
            process.send_signal(signal.SIGSTOP)
            over.wait(away)
            process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_who_is_hardly_ever_there_comes_to_a_deadline(gatherd, upstream, slack):
    process = start(gatherd, upstream.url + "/hang", timeout="2s")
    upstream.wait_for(lambda it: it.requests)
    begun = time.monotonic()
    with stutter(process, here=0.05, away=0.95):
        entry = entry_of(gatherd, process)
    assert entry["status"] == "timeout"
    # At first the doubt is in its favour.
    assert 4 < time.monotonic() - begun < 12 * slack


def test_after_many_stops_too_an_answer_is_read(gatherd, parted):
    """The program has no credit left: it is late by what remains until the deadline."""
    process = start(gatherd, parted.url + "/parts/1", timeout="500ms")
    parted.wait_for(lambda it: it.requests)
    for _ in range(4):
        with away(process, 0.9):
            pass
        time.sleep(0.02)
    with away(process, 0.9):
        parted.let_go()
        parted.wait_for(lambda it: it.now == 0)
    expect_ok(gatherd, process)


def test_a_redirect_read_late_leads_on(gatherd, parted):
    process = start(gatherd, parted.url + moves("/parts/1", after=0.3))
    parted.wait_for(lambda it: it.requests)
    with away(process):
        parted.wait_for(lambda it: it.now == 0)
    parted.wait_for(lambda it: len(it.requests) == 2)
    # The second hop has its share of the same time.
    with away(process):
        parted.let_go()
    expect_ok(gatherd, process)


def test_with_tls_it_is_the_same(gatherd, trusted, authority, preload):
    environment = preload(authority.certificate)
    process = start(gatherd, trusted.url + "/delay/0.3", env=environment)
    trusted.wait_for(lambda it: it.requests)
    with away(process):
        trusted.wait_for(lambda it: it.now == 0)
    expect_ok(gatherd, process)


def test_a_name_found_meanwhile_is_used(gatherd, upstream, preload, tmp_path):
    lookups = tmp_path / "lookups"
    lookups.touch()
    url = f"http://a.late.test:{upstream.port}/delay/0.1"
    process = start(gatherd, url, env=preload(lookups=lookups))
    wait_until(lookups.read_text)
    with away(process):
        pass
    expect_ok(gatherd, process)


# ---- stopped before there is a connection ----

SYN_SENT, ESTABLISHED = "02", "01"


class Doorman:
    """A listener that opens when the test says so: until then nobody is attended to."""

    def __init__(self, tls=None):
        self.tls = tls  # (certificate file, key file)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.callers = []
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for each in [self.listener, *self.callers]:
            each.close()
        if self.thread.ident:
            self.thread.join()

    def fill(self):
        """From now on the kernel leaves attempts to connect unanswered."""
        self.listener.listen(0)
        for _ in range(16):
            caller = socket.socket()
            self.callers.append(caller)
            caller.settimeout(0.1)
            try:
                caller.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return
        raise AssertionError("this kernel accepts connections without end")

    def count(self, state):
        """How many connections to it are in that state, as the kernel says."""
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table][1:]
        return sum(row[2:4] == [f"0100007F:{self.port:04X}", state] for row in rows)

    def open(self):
        for each in self.callers:
            each.close()
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(ConnectionError, ssl.SSLError):
                    self._attend_to(connection)

    def _attend_to(self, connection):
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            connection = context.wrap_socket(connection, server_side=True)
        if connection.recv(10000):
            connection.sendall(answer('{"ok": true}'))


def test_a_connection_made_meanwhile_is_used(gatherd):
    with Doorman() as doorman:
        doorman.fill()
        before = doorman.count(SYN_SENT)
        process = start(gatherd, f"http://127.0.0.1:{doorman.port}/")
        wait_until(lambda: doorman.count(SYN_SENT) > before)
        with away(process):
            doorman.open()
            # The kernel tries again, for a process that stands still too.
            wait_until(lambda: doorman.count(ESTABLISHED))
        expect_ok(gatherd, process)


@pytest.mark.parametrize("host", ["127.0.0.1", "a.twofold.test"])
def test_a_handshake_has_its_time_too(gatherd, authority, preload, host):
    """Of two addresses, libcurl counts the time for itself as well, and has to begin anew.

    Where the machine is busy, that takes more of the time that was left than usual.
    """
    tls = authority.issue("IP:127.0.0.1,DNS:a.twofold.test")
    with Doorman(tls) as doorman:
        url = f"https://{host}:{doorman.port}/"
        process = start(gatherd, url, "3s", env=preload(authority.certificate))
        wait_until(lambda: doorman.count(ESTABLISHED))
        with away(process, 4):
            pass
        doorman.open()
        expect_ok(gatherd, process)
