"""What the listener answers, at every kind of place: paths, names, headers, what it refuses."""

import contextlib
import email.utils
import gzip
import json
import re
import urllib.parse

import pytest

from conftest import Gatherd, has_ipv6
from helpers_daemon import held  # noqa: F401
from helpers_document import parse_document
from helpers_listener import Listening, handed_over, request, tcp_place, unix_place
from helpers_metrics import parse_metrics
from helpers_outputs import Outputs, parse_page
from helpers_prompts import KEY, provider
from helpers_reload import complete, gather_now
from helpers_tools import short_folder  # noqa: F401
from models import Models

SERVICES = [
    "plain",
    "with blanks in it",
    "a/b/../c",
    "100%",
    "%41",
    "Übersee ☂",
    "<script>alert(1)</script>",
    "a?b=c&d#e",
    "back\\slash \"quotes\" 'n' all",
    "..",
    "+",
    "x" * 128,
]
PROMPTS = ["head line", "prompts/ü"]

# path -> what it is sent as
BODIES = {
    "/": "text/html; charset=utf-8",
    "/status.json": "application/json",
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
    "/services/plain": "application/json",
    "/prompts/head%20line": "application/json",
}
WORDS = "text/plain; charset=utf-8"
TYPES = {**BODIES, "/healthz": WORDS, "/events": "text/event-stream", "/nothing": WORDS}

ALWAYS = {
    "vary": "Accept-Encoding",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@contextlib.contextmanager
def opened(kind, folder):
    """A place to listen at, and what else a daemon needs for it."""
    if kind == "systemd":
        place = tcp_place()
        with place.opened() as sock:
            yield place, handed_over(sock)
    else:
        yield unix_place(folder) if kind == "unix" else tcp_place(kind), {}


@pytest.fixture(scope="module")
def far_ends():
    with Models() as models:
        yield models


KINDS = [
    "unix",
    "127.0.0.1",
    pytest.param("[::1]", marks=pytest.mark.skipif(not has_ipv6, reason="no IPv6 here")),
    "systemd",
]


@pytest.fixture(scope="module", params=KINDS)
def daemon(request, far_ends, tmp_path_factory):
    """One that has gathered everything, and does so again only when it is told to."""
    gatherd = Gatherd(tmp_path_factory.mktemp("listener"))
    outputs = Outputs(gatherd.folder)
    config = {
        "interval": "1h",
        "output": outputs.config,
        "services": {name: far_ends.url + "/ok" for name in SERVICES},
        "providers": {"p": provider("openai", far_ends)},
        "prompts": {name: {"provider": "p", "prompt": "What?"} for name in PROMPTS},
    }
    config["services"]["failing"] = far_ends.url + "/status/503?text=<b>"
    folder = tmp_path_factory.mktemp("s")
    with opened(request.param, folder) as (place, keywords):
        keywords["env"] = {"MODEL_KEY": KEY}
        with Listening(gatherd, config, place, **keywords) as daemon:
            daemon.outputs = outputs
            daemon.shown(daemon.wait_document(complete)["generation"])
            yield daemon


def headers_less_date(answer):
    headers = dict(answer.headers)
    assert email.utils.parsedate_to_datetime(headers.pop("date"))
    return headers


# ---- what is at each path ----


@pytest.mark.parametrize("path", TYPES)
def test_head_has_the_headers_of_get(daemon, path):
    if path == "/events":
        with daemon.place.follow() as follower:
            got = follower.started
            assert got.headers.pop("transfer-encoding") == "chunked"
    else:
        got = daemon.ask(path)
        assert got.headers["content-length"] == str(len(got.body)) != "0"
    with daemon.place.connect() as client:
        head = client.ask(path, "HEAD")
        assert client.ask("/healthz").body == b"ok\n", "the connection goes on"
    assert headers_less_date(got) == headers_less_date(head)
    assert (got.status, got.reason) == (head.status, head.reason)
    assert got.status == (404 if path == "/nothing" else 200)
    assert got.headers["content-type"] == TYPES[path]
    assert got.headers["cache-control"] == ("no-cache" if path in BODIES else "no-store")
    assert ALWAYS.items() <= got.headers.items()
    assert ("etag" in got.headers) == ("last-modified" in got.headers) == (path in BODIES)


def test_the_document_is_byte_by_byte_that_of_the_file(daemon):
    assert daemon.ask("/status.json").body == daemon.output.read_bytes()


def test_the_metrics_are_byte_by_byte_those_of_the_file(daemon):
    daemon.wait_document(
        lambda document: parse_metrics(daemon.outputs.metrics.read_text()).value(
            "gatherd_document_generation"
        )
        == document["generation"]
    )
    assert daemon.ask("/metrics").body == daemon.outputs.metrics.read_bytes()


def test_the_page_is_that_of_the_file_but_live(daemon):
    answer = daemon.ask("/")
    live = parse_page(answer.text)
    assert live.pop("live") is True
    assert live["summary"]["generation"] == daemon.document["generation"]
    daemon.wait_document(
        lambda document: parse_page(daemon.outputs.page.read_text())["summary"]["generation"]
        == document["generation"]
    )
    on_disk = parse_page(daemon.outputs.page.read_text())
    assert on_disk.pop("live") is False and on_disk == live
    assert answer.headers["x-frame-options"] == "DENY"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script>alert" not in answer.text


def test_last_modified_is_when_it_was_generated(daemon):
    made = daemon.document["generated_at"]
    parsed = email.utils.parsedate_to_datetime(daemon.ask("/").headers["last-modified"])
    assert parsed.strftime("%Y-%m-%dT%H:%M:%S") == made[:19]


def test_the_policy_holds_for_an_unchanged_page_too(daemon):
    page = daemon.ask("/")
    same = daemon.ask("/", If_None_Match=page.headers["etag"])
    assert same.status == 304
    for name in ("content-security-policy", "x-frame-options"):
        assert same.headers[name] == page.headers[name]


# ---- names ----


@pytest.mark.parametrize("name", SERVICES + PROMPTS)
def test_an_entry_is_found_by_its_name_however_it_is_written(daemon, name):
    kind = "services" if name in SERVICES else "prompts"
    entry = daemon.document[kind][name]
    quoted = urllib.parse.quote(name, safe="")
    everything = "".join(f"%{byte:02x}" for byte in name.encode())
    some = urllib.parse.quote(name, safe="/+&=<>\"'\\ü☂Ü")
    assert " " not in some
    for written in {quoted, everything, everything.upper(), some, quoted + "?a=/b"}:
        answer = daemon.ask(f"/{kind}/{written}")
        assert (answer.status, answer.json()) == (200, entry), written
        assert answer.body.endswith(b"}\n") and answer.body.count(b"\n") == 1
        assert answer.body[:-1] in daemon.output.read_bytes()
    other = "prompts" if kind == "services" else "services"
    assert daemon.ask(f"/{other}/{quoted}").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/services",
        "/services/",
        "/services/plain/",
        "/services//plain",
        "/services/Plain",
        "/services/plai",
        "/services/plain%00",
        "/services/%00plain",
        "/services/%",
        "/services/plain%2",
        "/services/%zzplain",
        "/services/%2561",  # decoded once only
        "/services/with+blanks+in+it",
        "/services/x" + 500 * "x",
        "/Services/plain",
        "/service/plain",
        "/services%2fplain",
        "/%73ervices/plain",
        "/prompts",
        "/STATUS.JSON",
        "/status.json/",
        "/status.jso",
        "/status%2ejson",
        "/./status.json",
        "/x/../status.json",
        "/../../etc/passwd",
        "/../../etc/passwd%00",
        "/%2e%2e/status.json",
        "//status.json",
        "//localhost/status.json",
        "/\\status.json",
        "/favicon.ico",
        "/robots.txt",
        "/index.html",
        "/metrics/",
        "/events/1",
        "/healthz/x",
        "*",
        "status.json",
    ],
)
def test_nothing_else_is_found(daemon, path):
    answer = daemon.ask(path)
    assert answer.status in (400, 404), path
    assert "etag" not in answer.headers
    if answer.status == 404:
        assert answer.text == "there is nothing of that name\n"
        assert answer.headers["content-type"] == WORDS
    else:
        assert path[0] not in "/*"


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/healthz"])
def test_a_query_changes_nothing(daemon, path):
    expected = daemon.ask(path)
    for query in ("?", "?a", "?a=b&c=%zz", "?/../x", "?" + 2000 * "q"):
        answer = daemon.ask(path + query)
        assert (answer.status, answer.body) == (200, expected.body)
        assert headers_less_date(answer) == headers_less_date(expected)


# ---- what the client has already ----


@pytest.mark.parametrize("path", BODIES)
def test_who_has_it_already_gets_nothing(daemon, path):
    plain, short = daemon.ask(path), daemon.ask(path, Accept_Encoding="gzip")
    tag, short_tag = plain.headers["etag"], short.headers["etag"]
    generation = daemon.document["generation"]
    assert re.fullmatch(rf'"{generation}-[0-9a-f]+"', tag)
    assert short_tag in (tag, tag[:-1] + '-gz"')
    had = [tag, "W/" + tag, "*", f'"x", {tag}', f'{tag},"y"', f'"a,b" ,  W/{tag} , "z"']
    with daemon.place.connect() as client:
        for value in had:
            for method in ("GET", "HEAD"):
                answer = client.ask(path, method, If_None_Match=value)
                assert (answer.status, answer.headers["etag"]) == (304, tag), value
                assert "content-length" not in answer.headers
                assert answer.headers["cache-control"] == "no-cache"
                assert ALWAYS.items() <= answer.headers.items()
        both = {"If_None_Match": short_tag, "Accept_Encoding": "gzip"}
        assert client.ask(path, **both).status == 304
        for value in ('"x"', tag[1:-1], f'"{generation}"', f'"{generation}-1"', "", '"'):
            answer = client.ask(path, If_None_Match=value)
            assert (answer.status, answer.body) == (200, plain.body), value


def test_what_has_changed_is_sent_anew(daemon):
    before = daemon.ask("/status.json")
    generation = gather_now(daemon)["generation"]
    daemon.shown(generation)
    after = daemon.ask("/status.json", If_None_Match=before.headers["etag"])
    assert after.status == 200
    assert after.body == daemon.output.read_bytes() != before.body
    assert after.headers["etag"] != before.headers["etag"]


# ---- compressed ----


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics"])
def test_it_is_compressed_where_that_is_asked_for(daemon, path):
    plain = daemon.ask(path)
    assert "content-encoding" not in plain.headers
    for wanted in ("gzip", "deflate, gzip;q=0.1, br", "*", "x-gzip", "GZIP", "gzip, *;q=0"):
        answer = daemon.ask(path, Accept_Encoding=wanted)
        assert answer.headers["content-encoding"] == "gzip", wanted
        assert answer.headers["etag"] == plain.headers["etag"][:-1] + '-gz"'
        assert gzip.decompress(answer.body) == plain.body
        assert len(answer.body) < len(plain.body) / 2
        head = daemon.ask(path, "HEAD", Accept_Encoding=wanted)
        assert headers_less_date(head) == headers_less_date(answer)
    for wanted in ("", "identity", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzipped"):
        answer = daemon.ask(path, Accept_Encoding=wanted)
        assert "content-encoding" not in answer.headers, wanted
        assert (answer.body, answer.headers["etag"]) == (plain.body, plain.headers["etag"])


def test_small_things_are_not_compressed(daemon):
    for path in ("/healthz", "/services/plain", "/nothing"):
        answer = daemon.ask(path, Accept_Encoding="gzip")
        assert "content-encoding" not in answer.headers
        assert answer.body == daemon.ask(path).body


# ---- what is refused ----


@pytest.mark.parametrize(
    "method",
    ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get", "X", "CONNECT"],
)
def test_other_methods_are_told_which_there_are(daemon, method):
    for path in ("/status.json", "/events", "/nothing"):
        with daemon.place.connect() as client:
            target = "localhost:80" if method == "CONNECT" else path
            answer = client.ask(target, method, Content_Length=0)
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
            assert answer.text == "only GET and HEAD are answered\n"
            assert ALWAYS.items() <= answer.headers.items()
            assert client.ask("/healthz").status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "localhost.evil.example"]
    + ["", "[::1", "localhost:x", "a b", "xlocalhost", "127.1", "0x7f.1", "u@127.0.0.1"],
)
def test_a_foreign_name_is_misdirected(daemon, host):
    """So that no web page reads from here under a name of its own (DNS rebinding)."""
    if daemon.place.is_unix:  # where no web page gets
        assert daemon.ask("/status.json", host=host).body == daemon.output.read_bytes()
        return
    with daemon.place.connect() as client:
        for path in ("/status.json", "/events", "/nothing"):
            for method in ("GET", "HEAD", "POST"):
                answer = client.ask(path, method, host=host)
                assert (answer.status, answer.reason) == (421, "Misdirected Request")
                assert "etag" not in answer.headers
                assert answer.body in (b"this machine has no such name\n", b"")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "localhost.", "a.localhost:80", "127.0.0.1", "127.0.0.1:99"]
    + ["[::1]", "[::1]:8787", "192.0.2.7", "HERE", "HERE:80"],
)
def test_an_own_name_is_answered(daemon, host):
    host = host.replace("HERE", daemon.document["host"])
    assert daemon.ask("/status.json", host=host).status == 200


def test_an_absolute_url_counts_for_its_host(daemon):
    body = daemon.output.read_bytes()
    assert daemon.ask("http://localhost/status.json").body == body
    assert daemon.ask("HTTP://127.0.0.1:99/status.json?x").body == body
    foreign = daemon.ask("http://evil.example/status.json", host="localhost")
    assert foreign.status == (200 if daemon.place.is_unix else 421)
    assert daemon.ask("http://localhost").headers["content-type"] == TYPES["/"]


def test_an_old_client_needs_no_host(daemon):
    with daemon.place.connect() as client:
        client.send(request("/status.json", version="1.0", host=None))
        answer = client.answer()
        assert (answer.status, answer.body) == (200, daemon.output.read_bytes())
        assert client.has_ended()
    with daemon.place.connect() as client:
        client.send(request("/status.json", host=None))
        assert client.answer().status == 400
        assert client.has_ended()


# ---- before there is a document ----


def test_before_the_first_document_one_is_to_come_back(gatherd, held, short_folder):  # noqa: F811
    config = {"interval": "1h", "publish_after": "1h", "timeout": "1m"}
    config["services"] = {"a": held.url + "/held/a"}
    place = unix_place(short_folder)
    with Listening(gatherd, config, place) as daemon:
        held.wait_for(lambda upstream: upstream.now == 1)
        for path in ("/", "/status.json", "/metrics", "/services/a", "/prompts/b"):
            answer = daemon.ask(path)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1"), path
            assert answer.text == "there is no document yet\n"
            assert answer.headers["cache-control"] == "no-store"
        assert daemon.ask("/nothing").status == 404
        health = daemon.ask("/healthz")
        assert (health.status, health.text) == (503, "there is no document yet\n")
        with place.follow() as follower:
            held.let_go("/held/a")
            event = follower.next()
        assert event.generation == 1 and event.data["complete"]
        document = parse_document(daemon.ask("/status.json").text)
        assert json.loads(daemon.ask("/services/a").text) == document["services"]["a"]
        assert daemon.ask("/healthz").text == "ok\n"
