"""Clients of the listener that are slow, many, broken or mean: they get what they are due, and
nobody else notices."""

import contextlib
import json
import random
import re
import resource
import threading
import time

import pytest

from conftest import Gatherd
from helpers_listener import Listening, request, tcp_place, unix_place
from helpers_metrics import parse_metrics
from helpers_reload import complete, config_of
from helpers_tools import short_folder  # noqa: F401
from upstream import Upstream

SMUGGLED = request("/services/smuggled")
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# What a sanitizer keeps of what was freed would look like a leak.
FREES_AT_ONCE = ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"


@pytest.fixture(scope="module")
def far_end():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module", params=["unix", "tcp"])
def daemon(request, far_end, tmp_path_factory):
    """One that is in rounds all the time."""
    gatherd = Gatherd(tmp_path_factory.mktemp("listener"))
    gatherd.environment["ASAN_OPTIONS"] += FREES_AT_ONCE
    folder = tmp_path_factory.mktemp("s")
    place = unix_place(folder) if request.param == "unix" else tcp_place()
    services = {name: "/ok" for name in ("smuggled", "a", "b", "c")}
    config = config_of(far_end, services, interval="100ms", output={"sync": False})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        daemon.least = daemon.descriptors() - 1  # that of the one who looked
        yield daemon
        daemon.descriptors_settle(daemon.least + 2)


def answers_in(data):
    """The statuses of the answers in DATA."""
    return [int(status) for status in re.findall(rb"HTTP/\d+\.\d+ (\d{3}) ", data)]


# ---- requests that can be read in two ways ----

REFUSED = {
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED),
    "two equal lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": HEAD + b"Content-Length: 0, 0\r\n\r\n",
    "a length and chunks": HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and a length": HEAD + CHUNKED + b"Content-Length: 0\r\n\r\n0\r\n\r\n",
    "chunks": HEAD + CHUNKED + b"\r\n0\r\n\r\n",
    "no coding": HEAD + b"Transfer-Encoding: identity\r\n\r\n",
    "an odd coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a body": HEAD + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED),
    "a body of a HEAD": b"HEAD" + HEAD[3:] + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED),
    "chunks of a POST": b"POST" + HEAD[3:] + CHUNKED + b"\r\n1\r\nx\r\n0\r\n\r\n",
    "two lengths of a POST": b"POST" + HEAD[3:] + b"Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
    "a signed length of a POST": b"POST" + HEAD[3:] + b"Content-Length: +1\r\n\r\nx",
    "a large body": HEAD + b"Content-Length: 4097\r\n\r\n",
    "a large body of a POST": b"POST" + HEAD[3:] + b"Content-Length: 4097\r\n\r\n",
    "large chunks": HEAD + CHUNKED + b"\r\n1001\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": HEAD + b"Content-Length: +0\r\n\r\n",
    "a length in hex": HEAD + b"Content-Length: 0x0\r\n\r\n",
    "a huge length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "no length": HEAD + b"Content-Length:\r\n\r\n",
    "a length with a blank": HEAD + b"Content-Length : %d\r\n\r\n" % len(SMUGGLED),
    "a header without a colon": HEAD + b"Content-Length\r\n\r\n",
    "a header without a name": HEAD + b": 5\r\n\r\n",
    "a CR in a value": HEAD + b"X: a\rContent-Length: 5\r\n\r\n",
    "a blank before the first header": HEAD.replace(b"Host", b" X: y\r\nHost") + b"\r\n",
    "two hosts": HEAD + b"Host: localhost\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a NUL in the path": HEAD.replace(b"z ", b"z\0 ") + b"\r\n",
    "a header of 9 KiB": HEAD + b"X: " + 9 * 1024 * b"x" + b"\r\n\r\n",
    "a path of 9 KiB": HEAD.replace(b"z ", b"z?" + 9 * 1024 * b"x" + b" ") + b"\r\n",
    "headers of 9 KiB": HEAD + 1024 * b"X: abcde\r\n" + b"\r\n",
    "a head without an end": HEAD + 1000 * b"X: " + 20000 * b"abcdefgh",
    "headers without an end": HEAD + 20000 * b"X: abcde\r\n",
    "a line without an end": 200000 * b"x",
    "no version": b"GET /healthz\r\n\r\n",
    "an old version": b"GET /healthz HTTP/0.9\r\n\r\n",
    "a new version": HEAD.replace(b"1.1", b"2.0") + b"\r\n",
    "a strange version": HEAD.replace(b"1.1", b"1.10") + b"\r\n",
    "no such protocol": HEAD.replace(b"HTTP", b"http") + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(range(14, 100)) + b"\r\n\r\n",
    "tabs": HEAD.replace(b" /healthz ", b"\t/healthz\t") + b"\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(daemon, name):
    """And what follows is never taken for a request."""
    with daemon.place.connect() as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(REFUSED[name] + SMUGGLED)
        (status,) = answers_in(client.rest())
        assert status in (400, 413)


def test_a_body_is_not_read_as_a_request(daemon):
    """What `curl -d x` sends is told which methods there are, and no more."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"):
        for body in (b"x", SMUGGLED, 4096 * b"x"):
            with daemon.place.connect() as client:
                head = request("/healthz", method, Content_Length=len(body))
                client.send(head + body + SMUGGLED)
                answer = client.answer()
                assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD"), method
                assert answer.headers["connection"] == "close"
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.text == "only GET and HEAD are answered\n"
                assert client.has_ended()


def test_a_body_in_pieces_is_waited_for(daemon):
    with daemon.place.connect() as client:
        head = request("/healthz", "POST", Content_Length=10, Expect="100-continue")
        client.send(head)
        assert client.take_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        for _ in range(10):
            assert client.is_open()
            client.send(b"x")
        assert client.answer().status == 405
        assert client.has_ended()


def test_a_body_that_does_not_come_is_not_waited_for_long(daemon):
    with daemon.place.connect() as client:
        begun = time.monotonic()
        client.send(request("/healthz", "POST", Content_Length=10) + b"x")
        assert client.has_ended()
        assert time.monotonic() - begun < 20


READ = {
    "lines that end in LF alone": HEAD.replace(b"\r", b"") + b"\n",
    "a length of nothing": HEAD + b"Content-Length: 0\r\n\r\n",
    "a continued line": HEAD + b"X: a\r\n b\r\n\r\n",
    "a wish for something else": HEAD + b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n",
    "a wish for a part": HEAD + b"Range: bytes=0-0\r\n\r\n",
    "an expectation": HEAD + b"Expect: 100-continue\r\n\r\n",
    "many headers": HEAD + 900 * b"X: a\r\n" + b"\r\n",
    "a fragment": HEAD.replace(b"z ", b"z#x ") + b"\r\n",
}


@pytest.mark.parametrize("name", READ)
def test_what_is_only_odd_is_answered(daemon, name):
    with daemon.place.connect() as client:
        client.send(READ[name] + SMUGGLED)
        assert client.answer().text == "ok\n"
        assert client.answer().json()["status"] == "ok"


def test_a_request_in_pieces_is_one(daemon):
    with daemon.place.connect() as client:
        for byte in request("/healthz", X="y"):
            client.send(bytes([byte]))
        assert client.answer().text == "ok\n"


# ---- how many requests a connection has ----


def test_a_connection_has_a_hundred_requests(daemon):
    with daemon.place.connect() as client:
        for number in range(100):
            answer = client.ask("/status.json" if number % 2 else "/healthz")
            assert answer.status == 200
            assert answer.headers.get("connection") == ("close" if number == 99 else None)
        assert client.has_ended()


def test_of_two_hundred_at_once_a_hundred_are_answered(daemon):
    paths = ["/status.json", "/healthz", "/services/a", "/nothing"]
    with daemon.place.connect() as client:
        client.send(b"".join(request(paths[number % 4]) for number in range(200)))
        answers = [client.answer() for _ in range(100)]
        assert client.has_ended()
    assert [answer.status for answer in answers] == [200, 200, 200, 404] * 25
    for number, answer in enumerate(answers):
        if number % 4 in (0, 2):
            answer.json()
    assert answers[-1].headers["connection"] == "close"


def test_who_wants_to_close_is_closed(daemon):
    for named in ({"Connection": "close"}, {"Connection": "x, Close"}):
        with daemon.place.connect() as client:
            client.send(request("/healthz", **named) + SMUGGLED)
            answer = client.answer()
            assert (answer.text, answer.headers["connection"]) == ("ok\n", "close")
            assert client.has_ended()


# ---- whole ----


def test_ten_thousand_answers_are_whole(daemon):
    """Each is the document of one generation, the same one for all who got that."""
    seen = {}  # ETag -> the body
    faults = []
    written = {}  # generation -> what the file was
    lock = threading.Lock()

    def ask_many():
        left, last = 1250, 0
        while left > 0:
            with daemon.place.connect() as client:
                for _ in range(min(left, 100)):
                    answer = client.ask("/status.json")
                    document = answer.json()
                    left -= 1
                    with lock:
                        first = seen.setdefault(answer.headers["etag"], answer.body)
                    assert answer.status == 200 and first == answer.body
                    assert answer.headers["etag"].startswith(f'"{document["generation"]}-')
                    assert document["generation"] >= last
                    last = document["generation"]

    def run():
        try:
            ask_many()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        daemon.watch.wait(0.05)
        text = daemon.output.read_bytes()
        written[json.loads(text)["generation"]] = text
    assert not faults, faults
    shown = {json.loads(body)["generation"]: body for body in seen.values()}
    assert len(shown) == len(seen) > 3
    both = shown.keys() & written.keys()
    assert both and all(shown[each] == written[each] for each in both)
    assert max(shown) <= daemon.document["generation"]


# ---- who goes away ----


def leave_early(daemon, number):
    """One way to leave."""
    client = daemon.place.connect()
    way = number % 6
    with contextlib.suppress(ConnectionError):
        if way == 0:
            client.send(request("/status.json") * 3)
        elif way == 1:
            client.send(request("/")[: random.randrange(30)])
        elif way == 2:
            client.send(request("/") * 20)
            client.take(1000)
        elif way == 3:
            client.send(request("/events"))
            client.take(10)
        elif way == 4:
            client.send(request("/metrics"))
            client.sock.shutdown(1)
            assert client.answer().status == 200, "who has said all gets all"
    (client.reset if number % 2 else client.sock.close)()


def test_who_leaves_early_leaves_nothing(daemon):
    def leave(count):
        for number in range(count):
            leave_early(daemon, number)
        daemon.descriptors_settle(daemon.least + 2)

    leave(120)
    before = daemon.status_of("VmRSS")
    leave(900)
    assert daemon.status_of("VmRSS") < before + 16 * 1024
    assert daemon.ask("/healthz").text == "ok\n"


# ---- slow ones ----


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip(f"only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Slow:
    """COUNT clients that send a byte of a request each second, and come again when they are
    cut off."""

    def __init__(self, place, count):
        self.place = place
        self.clients = [None] * count
        self.came = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._tick()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        for client in self.clients:
            if client:
                client.sock.close()

    def _run(self):
        while not self._stop.wait(1):
            self._tick()

    def _tick(self):
        for index, client in enumerate(self.clients):
            try:
                if client is None:
                    self.clients[index] = client = self.place.connect()
                    self.came += 1
                client.send(b"G" if client.is_open() else b"")
            except OSError:
                pass
            if client and not client.is_open():
                client.sock.close()
                self.clients[index] = None


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_slow_clients_hold_up_nobody(
    gatherd, upstream, many_descriptors, short_folder, slack, kind  # noqa: F811
):
    """300 that have sent half a request, and 1,000 that send a byte a second."""
    place = unix_place(short_folder) if kind == "unix" else tcp_place()
    config = config_of(upstream, {"a": "/ok", "b": "/ok"}, interval="500ms")
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        first = daemon.first_document()["generation"]
        before = daemon.descriptors()
        follower = stack.enter_context(place.follow())
        for _ in range(300):
            stack.enter_context(place.connect()).send(HEAD)
        slow = stack.enter_context(Slow(place, 1000))
        begun = time.monotonic()
        waits = []
        while time.monotonic() < begun + 7:
            asked = time.monotonic()
            assert place.ask("/status.json").status == 200
            waits.append(time.monotonic() - asked)
        generation = daemon.document["generation"]
        assert generation >= first + 13
        assert max(waits) < min(1 * slack, 6), max(waits)
        assert len(waits) > 20
        assert slow.came > 1000, "some were cut off"
        metrics = parse_metrics(place.ask("/metrics").text)
        assert metrics.value("gatherd_missed_rounds_total") == 0
        assert metrics.value("gatherd_loop_lag_max_seconds") < 0.5 * slack
        assert metrics.value("gatherd_listener_connections") <= 256
        # Who follows was not given up for them.
        assert follower.until(generation).generation >= generation
        stack.close()
        daemon.descriptors_settle(before)


# ---- a large document ----

BIG = 5 * 1024 * 1024


def test_who_never_reads_holds_up_nobody(gatherd, upstream, slack):
    """And who does not read what all get costs nothing of it."""
    place = tcp_place()
    service = {"url": f"/size/{BIG}", "format": "text", "max_body": "8MiB"}
    config = config_of(upstream, {"big": service, "a": "/ok"})
    gatherd.environment["ASAN_OPTIONS"] += FREES_AT_ONCE
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.wait_document(complete)
        daemon.shown(daemon.document["generation"])
        body = place.ask("/status.json").body
        assert len(body) > BIG and body == daemon.output.read_bytes()
        before, descriptors = daemon.status_of("VmRSS"), daemon.descriptors()
        for _ in range(40):
            client = stack.enter_context(place.connect(receive_buffer=4096))
            client.send(request("/status.json"))
            client.take(100)
        assert daemon.status_of("VmRSS") < before + 3 * BIG / 1024
        begun = time.monotonic()
        assert place.ask("/status.json").body == body
        assert time.monotonic() - begun < 1 * slack
        stack.close()
        daemon.descriptors_settle(descriptors)
