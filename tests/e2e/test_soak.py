"""Many rounds of answers of every kind: memory and descriptors stay what they are.

Short by default; with GATHERD_SLOW_TESTS=1 as many rounds as the promise says.
"""

import json
import os

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon
from upstream import answer, moves, sends

LONG = os.environ.get("GATHERD_SLOW_TESTS") == "1"
WARM_UP = 500
ROUNDS = 10_000 if LONG else 1_500
GROWTH_KB = 1024 if LONG else 512  # less is what goes up and down by itself


def large(upstream):
    """An answer of 200 kB, now and then."""
    whole = answer(json.dumps(["x" * 1000] * 200))
    upstream.answers["/large"] = lambda request, number: (
        whole if number % 10 == 0 else answer(json.dumps({"number": number}))
    )
    return upstream.url + "/large"


def flapping(upstream):
    """Well and not, by turns: each round has something to log."""
    upstream.answers["/flapping"] = lambda request, number: answer(
        json.dumps("x" * (number % 500)), 200 if number % 2 else 503
    )
    return upstream.url + "/flapping"


@pytest.fixture
def mixed(upstream, bad_ports):
    paths = {
        "ok": "/ok",
        "deep": sends('{"a": [1, 2.50, {"b": null}], "c": "\\u00e4"}'),
        "text": sends("ä" * 3000, "text/plain"),
        "http_error": "/status/503?text=so%20not",
        "rate_limited": "/status/429?retry_after=1",
        "hangs": "/hang",
        "hangs in the body": "/hang-body",
        "cut": "/half",
        "cut in a chunk": "/half-chunk",
        "closed": "/close",
        "reset": "/reset",
        "no HTTP": "/garbage",
        "redirected": "/redirect/3",
        "redirected in a circle": "/loop",
        "redirected to nowhere": moves("ftp://nowhere.example/"),
        "no JSON": sends('{"n": 1,}'),
        "too large": "/size/200000?chunked",
        "leaves": "/leave",
    }
    services = {
        name: {"url": upstream.url + path, "max_body": "100KiB"}
        for name, path in paths.items()
    }
    for service in list(services.values())[::3]:
        service["keep_last"] = True
    for name in ("hangs", "hangs in the body"):
        services[name]["timeout"] = "20ms"
    services["large"] = large(upstream)
    services["flapping"] = {"url": flapping(upstream), "keep_last": True}
    services["refused"] = f"http://127.0.0.1:{bad_ports.refused()}/"
    services["not found"] = "http://nowhere.invalid/"
    return {
        "interval": "5ms",
        "publish_after": "2ms",
        "output": {"sync": False},
        "services": services,
    }


def wait_for_round(daemon, number):
    """Wait for that round, however long it takes, as long as they go on."""
    last = 0
    while last < number:
        document = daemon.wait_document(
            lambda new, last=last: new["round"]["number"] > last, PATIENCE
        )
        last = document["round"]["number"]
    return document


class Use:
    """What the daemon has taken of the system."""

    def __init__(self, daemon):
        self.memory_kb = daemon.status_of("VmRSS")
        self.threads = daemon.status_of("Threads")
        self.descriptors = daemon.descriptors()


def test_memory_and_descriptors_are_flat(gatherd, mixed, capsys):
    with Daemon(gatherd, mixed, "-l", "warn") as daemon:
        wait_for_round(daemon, WARM_UP)
        uses = [Use(daemon)]
        for part in range(1, 11):
            document = wait_for_round(daemon, WARM_UP + ROUNDS * part // 10)
            uses.append(Use(daemon))
        assert daemon.stop()[0] == 0
    if LONG:
        with capsys.disabled():
            print("\nVmRSS in kB:", [use.memory_kb for use in uses])
            print("descriptors:", [use.descriptors for use in uses])
    statuses = {entry["status"] for entry in document["services"].values()}
    # Whoever sent a Retry-After may just be left alone.
    assert statuses - {"skipped"} == {"ok", "timeout", "http_error", "error"}
    # Connections come and go within a round: one for each service at most.
    descriptors = [use.descriptors for use in uses]
    assert max(descriptors) <= len(mixed["services"]) + 20
    assert min(descriptors[5:]) <= max(descriptors[:5])
    assert max(use.threads for use in uses) <= 8
    if not gatherd.sanitized:  # which keep what was freed
        assert min(use.memory_kb for use in uses[-3:]) - uses[0].memory_kb < GROWTH_KB
