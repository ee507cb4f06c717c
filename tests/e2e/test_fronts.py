"""nginx and Caddy before gatherd, as contrib/ has it: they send its files, and pass on what
its listener answers."""

import contextlib
import gzip
import http.client
import json
import re
import signal
import time
import urllib.parse

import pytest

from conftest import PATIENCE, Gatherd
from helpers_contrib import CONTRIB, FRONTS, Nginx, caddy_environment
from helpers_daemon import Daemon
from helpers_tools import free_port, run_tool, short_folder  # noqa: F401
from upstream import Upstream

FILES = "files.example.com"
LIVE = "status.example.com"

HARD_NAME = "Übersee & Söhne/50%?"

# What is asked for, the file that it is, and as what it is sent.
PUBLISHED = [
    ("/", "status.html", "text/html; charset=utf-8"),
    ("/status.json", "status.json", "application/json"),
    ("/metrics", "status.prom", "text/plain; version=0.0.4; charset=utf-8"),
]


@pytest.fixture(params=FRONTS)
def front(request):
    return FRONTS[request.param]


def publish(gatherd, upstream):
    """One round of a few services, as files in the folder."""
    services = {f"service {number}": upstream.url + "/ok" for number in range(20)}
    output = {"file": "status.json", "page": "status.html", "metrics": "status.prom"}
    done = gatherd.run("--once", config={"output": output, "services": services})
    assert done.status == 0, done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder of one document, its page and its metrics."""
    gatherd = Gatherd(tmp_path_factory.mktemp("published"))
    with Upstream() as upstream:
        publish(gatherd, upstream)
    return gatherd.folder


# ---- as the files stand ----


def test_the_example_for_nginx_is_valid(tmp_path):
    Nginx(tmp_path)
    main = tmp_path / "nginx.conf"
    example = CONTRIB / "nginx.conf"
    main.write_text(main.read_text().replace(f"{tmp_path}/servers.conf", str(example)))
    said = run_tool("nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", main)
    assert "warn" not in said.replace('the "user" directive makes sense only', ""), said


def test_the_example_for_caddy_is_valid(tmp_path):
    run_tool(
        *["caddy", "validate", "--config", CONTRIB / "Caddyfile", "--adapter", "caddyfile"],
        env=caddy_environment(tmp_path),
    )


# ---- the files ----


@pytest.mark.parametrize("path, name, content_type", PUBLISHED)
def test_a_front_sends_the_files(front, published, tmp_path, path, name, content_type):
    with front(tmp_path, published=published) as front:
        whole = front.get(path, host=FILES)
        head = front.get(path, host=FILES, method="HEAD")
        small = front.get(path, host=FILES, Accept_Encoding="gzip")
        same = front.get(path, host=FILES, If_None_Match=whole.headers["ETag"])
        since = front.get(path, host=FILES, If_Modified_Since=whole.headers["Last-Modified"])
    assert whole.status == 200, front.log
    assert whole.body == (published / name).read_bytes()
    assert whole.headers["Content-Type"] == content_type
    assert whole.headers["Cache-Control"] == "no-cache"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["X-Frame-Options"] == "DENY"
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == whole.body
    for answer in (same, since):
        assert (answer.status, answer.body) == (304, b"")


def test_a_front_sends_nothing_else_of_the_folder(front, published, tmp_path):
    for name in ("secret.txt", ".status.json.gatherd-AbCdEf"):
        (published / name).touch()
    others = ["/status.html", "/status.prom", "/secret.txt", "/.status.json.gatherd-AbCdEf"]
    others += ["/status.json/", "/..%2fsecret.txt", "/healthz"]
    with front(tmp_path, published=published) as front:
        for path in others:
            answer = front.get(path, host=FILES)
            assert answer.status in (400, 404), path
            assert b"version" not in answer.body


def test_a_front_sends_the_new_document(front, gatherd, upstream, tmp_path_factory):
    publish(gatherd, upstream)
    with front(tmp_path_factory.mktemp("front"), published=gatherd.folder) as front:
        first = front.get("/status.json", host=FILES)
        config = json.loads((gatherd.folder / "gatherd.yaml").read_text())
        config["services"]["one more"] = upstream.url + "/ok"
        assert gatherd.run("--once", config=config).status == 0
        tag = first.headers["ETag"]
        second = front.get("/status.json", host=FILES, If_None_Match=tag)
    assert second.status == 200
    assert second.body == (gatherd.folder / "status.json").read_bytes()
    assert json.loads(second.body)["counts"]["total"] == 21


# ---- the listener ----


def wait_shown(front):
    """Wait until the listener shows the document: it comes there after it was written."""
    end = time.monotonic() + PATIENCE
    while front.get("/status.json", host=LIVE).status == 503:
        assert time.monotonic() < end, front.log
        time.sleep(0.01)


@contextlib.contextmanager
def both(front, gatherd, upstream, listen, tmp_path_factory):
    """gatherd at LISTEN, in rounds that only come when they are asked for, and FRONT."""
    services = {HARD_NAME: upstream.url + "/ok", "failing": upstream.url + "/status/503"}
    config = {"interval": "1h", "listen": listen, "services": services}
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        with front(tmp_path_factory.mktemp("front"), listener=listen) as front:
            wait_shown(front)
            yield daemon, front


@pytest.fixture(params=["unix", "tcp"])
def listen(request, short_folder):  # noqa: F811
    if request.param == "unix":
        return f"unix:{short_folder}/http.sock"
    return f"127.0.0.1:{free_port()}"


def read_event(response):
    """The next event, as a dictionary of its fields."""
    assert response.status == 200
    event = {}
    for line in response:
        name, colon, value = line.decode().rstrip("\n").partition(":")
        if not colon and "data" in event:
            return event
        if name:  # else it is a comment
            event[name] = value.removeprefix(" ")
    raise AssertionError(f"the events ended within {event}")


def shown(front, path, **keywords):
    """What the listener answers to PATH through FRONT."""
    answer = front.get(path, host=LIVE, **keywords)
    assert answer.status == 200, front.log
    return answer


def test_a_front_passes_on_what_the_listener_answers(
    front, gatherd, upstream, listen, tmp_path_factory
):
    with both(front, gatherd, upstream, listen, tmp_path_factory) as (daemon, front):
        document = shown(front, "/status.json")
        assert document.body == daemon.output.read_bytes()
        assert document.headers["Content-Type"] == "application/json"
        assert document.headers["Cache-Control"] == "no-cache"
        tag = document.headers["ETag"]
        assert re.fullmatch('"1-[0-9a-f]+"', tag)
        assert front.get("/status.json", host=LIVE, If_None_Match=tag).status == 304
        assert shown(front, "/status.json", method="HEAD").body == b""

        small = shown(front, "/status.json", Accept_Encoding="gzip")
        assert small.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(small.body) == document.body

        entry = shown(front, "/services/" + urllib.parse.quote(HARD_NAME, safe=""))
        assert json.loads(entry.body)["status"] == "ok"

        page = shown(front, "/")
        assert page.headers["Content-Type"].startswith("text/html")
        policy = page.headers["Content-Security-Policy"]
        assert "script-src" in policy and "unsafe-inline" not in policy

        assert shown(front, "/healthz").body == b"ok\n"
        assert front.get("/nothing", host=LIVE).status == 404
        refused = front.get("/status.json", host=LIVE, method="POST")
        assert refused.status == 405
        assert refused.headers["Allow"] == "GET, HEAD"

        assert b"gatherd_target_up" in shown(front, "/metrics").body
        assert front.get("/metrics", host=LIVE, source="127.0.0.2").status == 403


def test_a_front_passes_on_events_as_they_come(
    front, gatherd, upstream, listen, tmp_path_factory
):
    with both(front, gatherd, upstream, listen, tmp_path_factory) as (daemon, front):
        with front.opened("/events", host=LIVE, Accept="text/event-stream") as response:
            first = read_event(response)
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert first["id"].startswith("1-")
            assert json.loads(first["data"])["complete"] is True
            for generation in ("2", "3"):
                daemon.signal(signal.SIGUSR1)
                event = read_event(response)
                assert event["id"].partition("-")[0] == generation
                assert json.loads(event["data"])["generation"] == int(generation)


def test_a_front_follows_no_events_for_who_has_left(
    front, gatherd, upstream, short_folder, tmp_path_factory  # noqa: F811
):
    listen = f"unix:{short_folder}/http.sock"
    following = re.compile(rb"^gatherd_listener_event_clients (\d+)$", re.MULTILINE)
    with both(front, gatherd, upstream, listen, tmp_path_factory) as (daemon, front):
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                response = stack.enter_context(front.opened("/events", host=LIVE))
                read_event(response)
            daemon.signal(signal.SIGUSR1)
            assert read_event(response)["id"].startswith("2-")
            assert int(following.search(shown(front, "/metrics").body)[1]) == 5
        end = time.monotonic() + PATIENCE
        while int(following.search(shown(front, "/metrics").body)[1]) > 0:
            assert time.monotonic() < end
            before = daemon.document["generation"]
            daemon.signal(signal.SIGUSR1)
            daemon.wait_document(lambda document: document["generation"] > before)


def test_a_front_goes_on_where_gatherd_starts_again(
    front, gatherd, upstream, short_folder, tmp_path_factory  # noqa: F811
):
    listen = f"unix:{short_folder}/http.sock"
    with both(front, gatherd, upstream, listen, tmp_path_factory) as (daemon, front):
        with front.opened("/events", host=LIVE) as response:
            read_event(response)
            assert daemon.stop()[0] == 0
            with contextlib.suppress(http.client.IncompleteRead):
                response.read()  # it ends
        assert front.get("/status.json", host=LIVE).status == 502
        with Daemon(gatherd, daemon.config_path.read_text()) as again:
            again.first_document()
            wait_shown(front)
            with front.opened("/events", host=LIVE) as response:
                assert read_event(response)["id"].startswith("2-")
            assert shown(front, "/status.json").body == again.output.read_bytes()
