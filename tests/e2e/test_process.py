"""Signals, and standard files that are closed, full or slow."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE
from helpers_document import parse_document, read_document
from helpers_gatherd import gated, names_in, needs, services
from upstream import answer

__all__ = ["gated"]  # a fixture

# ---- signals ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("path", ["/hang", "/hang-body"])
def test_a_signal_stops_at_once_and_leaves_the_document(gatherd, upstream, slack, number, path):
    old = gatherd.folder / "out.json"
    old.write_bytes(b"whatever stood here before")
    config = services(upstream, quick="/ok", a=path)
    process = gatherd.start("--once", "-c", gatherd.config(config), "-o", "out.json")
    upstream.wait_for(lambda upstream: path in upstream.asked and "/ok" in upstream.asked)
    begun = time.monotonic()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == -number, stderr
    assert time.monotonic() - begun < 1 * slack
    assert old.read_bytes() == b"whatever stood here before"
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_a_signal_between_rounds_leaves_the_last_document(gatherd, gated):
    gated.answers["/a"] = lambda request, number: answer('{"n": %d}' % number)
    config = services(gated, a="/a")
    config["services"]["b"] = gated.url + "/ok"
    process = gatherd.start("--rounds", "1000000", "-c", gatherd.config(config), "-o", "out.json")
    gated.wait_for(lambda upstream: upstream.asked.get("/a", 0) > 3)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM
    document = read_document(gatherd.folder / "out.json")
    assert document["services"]["a"]["data"]["n"] == document["generation"] > 2
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_signals_of_the_daemon_do_not_kill_once(gatherd, gated):
    config = services(gated, a="/gated")
    process = gatherd.start("--once", "-c", gatherd.config(config), "-o", "-")
    gated.wait_for(lambda upstream: upstream.asked)
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
    gated.open_gate()
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert parse_document(stdout)["status"] == "ok"


# ---- standard files that are closed, or go away ----

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_standard_files_do_not_touch_the_document(gatherd, upstream, closed):
    config = gatherd.config(services(upstream, a="/ok", b="/status/500"))
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    result = gatherd.run(
        *("--rounds", "2", "-p", "-l", "debug", "-c", config, "-o", "out.json"), under=shell
    )
    assert result.status == 1
    text = (gatherd.folder / "out.json").read_text()
    assert parse_document(text)["generation"] == 2
    assert result.stdout == ""
    assert upstream.asked == {"/ok": 2, "/status/500": 2}
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_closed_standard_files_are_never_anything_else(gatherd, gated):
    """What is written there must not go into a connection, or into the document."""
    config = gatherd.config(services(gated, a="/gated"))
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    process = gatherd.start("--once", "-c", config, "-o", "out.json", under=shell)
    gated.wait_for(lambda upstream: upstream.asked)
    links = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
    gated.open_gate()
    assert process.wait(PATIENCE) == 0
    assert links == ["/dev/null"] * 3


def test_a_document_for_a_closed_standard_output_is_not_published(gatherd, upstream):
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"]
    assert gatherd.once(services(upstream, a="/ok"), under=shell).status == 3


def test_a_reader_that_went_away_is_no_reader(gatherd, upstream):
    read, write = os.pipe()
    os.close(read)
    try:
        result = gatherd.once(services(upstream, a="/ok"), stdout=write)
    finally:
        os.close(write)
    assert result.status == 3
    assert "Broken pipe" in result.stderr


def test_a_log_that_nobody_reads_stops_nothing(gatherd, upstream):
    read, write = os.pipe()
    os.close(read)
    try:
        result = gatherd.once(services(upstream, a="/ok"), stderr=write)
    finally:
        os.close(write)
    assert result.status == 0 and result.document["status"] == "ok"


def test_a_log_that_takes_no_more_stops_nothing(gatherd, upstream):
    config = services(upstream, a="/ok")
    with open("/dev/full", "w") as full:
        assert gatherd.once(config, stderr=full).status == 0
    limit = ["prlimit", "--fsize=20"]
    needs([*limit, "true"])
    with open(gatherd.folder / "log", "w+") as log:
        assert gatherd.once(config, stderr=log, under=limit).status == 0
        assert len((gatherd.folder / "log").read_text()) == 20


def full_pipe():
    """Both ends of a pipe that takes no more; what it holds are blanks."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b" " * 512)
    os.set_blocking(write, True)
    return read, write


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_all_of_it(gatherd, upstream, blocking):
    """The pipe is full at first; who else has it may have made it non-blocking."""
    upstream.answers["/large"] = answer(json.dumps("x" * 300_000))
    config = gatherd.config(services(upstream, a="/large"))
    read, write = full_pipe()
    os.set_blocking(write, blocking)
    process = gatherd.start("--once", "-c", config, "-o", "-", stdout=write)
    os.close(write)
    # That it waits, no event can tell; whoever gives up is gone long before.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    with open(read, "rb", buffering=0) as pipe:
        text = b"".join(iter(lambda: pipe.read(1000), b""))
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert parse_document(text)["services"]["a"]["data"] == "x" * 300_000


def test_a_signal_does_not_wait_for_a_reader_that_sleeps(gatherd, upstream, slack):
    config = gatherd.config(services(upstream, a="/ok"))
    read, write = full_pipe()
    try:
        process = gatherd.start("--once", "-c", config, "-o", "-", stdout=write)
        # Behind the line of the round it writes the document, or tries to.
        assert "[a] responded" in process.stderr.readline()
        assert "dashboard complete" in process.stderr.readline()
        begun = time.monotonic()
        process.terminate()
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGTERM, stderr
        assert time.monotonic() - begun < 1 * slack
    finally:
        os.close(read)
        os.close(write)
