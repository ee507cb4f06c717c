"""What the daemon writes on standard error."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import time

import pytest

from helpers_daemon import Daemon, held
from helpers_document import read_document
from helpers_gatherd import TIME, as_yaml, log_lines
from helpers_reload import complete, config_of, gather_now
from upstream import answer

__all__ = ["held"]  # a fixture


def texts(daemon, begin=0):
    """(level, text) of the lines from BEGIN on, without what differs each time."""
    lines = log_lines("\n".join(daemon.lines[begin:]))
    return [(level, re.sub(r"\d+ ms", "N ms", text)) for level, text in lines]


def lines_so_far(daemon):
    """All of them: what is written before a reload's verdict has been read with it."""
    assert daemon.reload()
    return daemon.lines


def status(number):
    return b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % number


# ---- from start to end ----


def test_the_life_of_a_daemon(gatherd, upstream):
    with Daemon(gatherd, config_of(upstream, {"a": "/ok"}, interval="30m")) as daemon:
        daemon.wait_document(complete)
        gather_now(daemon)
        daemon.stop()
    version = daemon.document["generator"]
    assert texts(daemon) == [
        ("info", f"{version} gathers 1 service, every 30m"),
        ("info", "[a] responded with 200 in N ms"),
        ("info", "dashboard complete (1 of 1 ok in N ms)"),
        ("info", "gathering everything now, on SIGUSR1"),
        ("info", "stopping on SIGTERM"),
    ]


@pytest.mark.parametrize(
    "intervals, words",
    [
        ([], "0 services, every 1h"),
        (["1m", "1m"], "2 services, every 1m"),
        (["90s", "2d", "45s"], "3 services, the most frequent every 45s"),
    ],
)
def test_the_first_line_says_how_much_and_how_often(gatherd, upstream, intervals, words):
    targets = {
        f"s{number}": {"url": "/ok", "interval": interval}
        for number, interval in enumerate(intervals)
    }
    with Daemon(gatherd, config_of(upstream, targets)) as daemon:
        line = daemon.wait_log("gathers")
    assert re.fullmatch(rf"{TIME} info gatherd \S+ gathers {words}", line)


@pytest.mark.parametrize("level", ["warn", "error"])
def test_one_that_is_well_may_be_silent(gatherd, upstream, level):
    with Daemon(gatherd, config_of(upstream, {"a": "/ok"}), "-l", level) as daemon:
        daemon.wait_document(complete)
        gather_now(daemon)
        daemon.stop()
    assert daemon.lines == []


# ---- what is news ----


def test_only_news_are_told(gatherd, upstream):
    """First outcomes and changes; the round's line when others failed than before."""
    config = config_of(upstream, {"a": "/a", "b": "/b", "c": "/ok"})
    upstream.answers.update({"/a": status(200), "/b": status(500)})
    with Daemon(gatherd, config) as daemon:
        daemon.wait_log("dashboard")
        daemon.wait_document(complete)

        def news(a, b):
            begin = len(lines_so_far(daemon))
            upstream.answers.update({"/a": status(a), "/b": status(b)})
            gather_now(daemon)
            lines_so_far(daemon)
            lines = texts(daemon, begin)
            assert lines.pop(0)[1] == "gathering everything now, on SIGUSR1"
            assert lines.pop()[1].startswith("config reloaded")
            return sorted(lines[:-1], key=lambda line: line[1]) + lines[-1:]

        assert news(200, 500) == []
        assert news(500, 500) == [
            ("warn", "[a] returned HTTP 500"),
            ("warn", "dashboard incomplete (1 of 3 ok in N ms); failed services: a, b"),
        ]
        # Another reason is none: it failed before, and does.
        assert news(503, 500) == []
        assert news(503, 200) == [
            ("info", "[b] responded with 200 in N ms"),
            ("warn", "dashboard incomplete (2 of 3 ok in N ms); failed services: a"),
        ]
        assert news(200, 500) == [
            ("info", "[a] responded with 200 in N ms"),
            ("warn", "[b] returned HTTP 500"),
            ("warn", "dashboard incomplete (2 of 3 ok in N ms); failed services: b"),
        ]
        assert news(200, 200) == [
            ("info", "[b] responded with 200 in N ms"),
            ("info", "dashboard complete (3 of 3 ok in N ms)"),
        ]
        assert news(200, 200) == []


def test_the_same_failure_of_another_kind_is_news(gatherd, held):
    config = config_of(held, {"a": {"url": "/a", "timeout": "200ms"}})
    held.answers["/a"] = status(500)
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
        del held.answers["/a"]
        config["services"]["a"]["url"] = held.url + "/hang"
        assert daemon.reload(config)
        daemon.wait_log(r"warn \[a\] timed out after 200ms$")
        daemon.wait_document(lambda new: new["counts"]["timeout"] == 1)
    # Who failed did not change: no second line of the dashboard.
    assert len(daemon.matches("dashboard")) == 1


def test_at_debug_all_is_told(gatherd, upstream):
    config = config_of(upstream, {"a": "/ok", "b": "/status/500"})
    with Daemon(gatherd, config, "-l", "debug") as daemon:
        daemon.wait_document(complete)
        for _ in range(3):
            gather_now(daemon)
        daemon.stop()
    levels = {"attempt": [], "responded": [], "returned": [], "dashboard": []}
    for level, text in texts(daemon):
        # Each line counts for the first word that is in it.
        for word, found in levels.items():
            if word in text:
                found.append(level)
                break
    assert levels == {
        "attempt": 8 * ["debug"],
        "responded": ["info", "debug", "debug", "debug"],
        "returned": ["warn", "debug", "debug", "debug"],
        "dashboard": ["warn", "debug", "debug", "debug"],
    }


def test_a_skipped_turn_is_told_once(gatherd, held):
    config = config_of(held, {"slow": "/held/slow", "a": "/ok"}, interval="20ms")
    with Daemon(gatherd, config, "-l", "debug") as daemon:
        daemon.wait_log(r"\[slow\] .*skipped \(5 so far\)")
        held.let_go("/held/slow")
        daemon.wait_log(r"\[slow\] responded")
        daemon.stop()
    skipped = [level for level, text in texts(daemon) if text.startswith("[slow] still")]
    assert skipped[:5] == ["warn"] + 4 * ["debug"] and "warn" not in skipped[1:]


# ---- bounds ----


def test_lines_are_bounded(gatherd, upstream):
    """200 services that fail, and then all of them well again."""
    paths = {f"s{number:03}": f"/s/{number}" for number in range(200)}
    upstream.answers.update({path: status(500) for path in paths.values()})
    with Daemon(gatherd, config_of(upstream, paths, publish_after="1h")) as daemon:
        daemon.wait_document(complete)
        begin = len(lines_so_far(daemon))
        failing = texts(daemon)[1:-1]
        upstream.answers.update({path: status(200) for path in paths.values()})
        gather_now(daemon)
        lines_so_far(daemon)
        well = texts(daemon, begin)[1:-1]
    assert len(failing) == 22
    assert all(text.endswith("returned HTTP 500") for _, text in failing[:20])
    assert failing[20] == ("warn", "and 180 more")
    named = re.search("failed services: (.*) and 180 more$", failing[21][1])
    assert named[1] == ", ".join(list(paths)[:20])
    assert len(well) <= 22
    assert well[-2][1] == f"and {200 - len(well) + 2} more"
    assert well[-1] == ("info", "dashboard complete (200 of 200 ok in N ms)")


def test_a_reload_of_many_is_bounded(gatherd, upstream):
    paths = {f"s{number:03}": f"/s/{number}" for number in range(200)}
    with Daemon(gatherd, config_of(upstream, {**paths, "z": "/ok"})) as daemon:
        daemon.wait_document(complete)
        begin = len(daemon.lines)
        assert daemon.reload(config_of(upstream, {"z": "/ok"}))
        lines = texts(daemon, begin)
    assert lines[:20] == [("info", f"[s{number:03}] dropped") for number in range(20)]
    assert lines[20:] == [
        ("info", "and 180 more"),
        ("info", "config reloaded: 0 added, 200 dropped, 0 changed, 1 unchanged"),
    ]


def test_a_name_cannot_break_a_line(gatherd, upstream):
    name = "a\u2028b\u202ec" + "long" * 28
    config = config_of(upstream, {name: "/status/500", "z": "/ok"})
    with Daemon(gatherd, as_yaml(config)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config_of(upstream, {"z": "/ok"}))
        daemon.stop()
    assert "\u202e" not in daemon.log and "\u2028" not in daemon.log
    assert len(texts(daemon)) == 7


def test_what_is_too_large_is_not_told_again_after_a_reload(gatherd, upstream):
    upstream.answers.update({f"/{name}": answer(json.dumps("x" * 9000)) for name in "abc"})
    paths = {"a": "/a", "b": "/b"}
    config = config_of(upstream, paths, output={"max_size": "4KiB"})
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
        for _ in range(3):
            assert daemon.reload()
            gather_now(daemon)
        left_out = daemon.document["services"]["a"]
        assert left_out["data"] is None and "max_size" in left_out["warnings"][0]
        config = config_of(upstream, {"c": "/c", **paths}, output={"max_size": "5KiB"})
        assert daemon.reload(config)
        daemon.wait_log(r"\[c\] data left out")
        daemon.stop()
    told = [line.split("warn ")[1].split("]")[0] for line in daemon.matches("data left out")]
    assert sorted(told[:2]) == ["[a", "[b"] and told[2:] == ["[c"]


# ---- nobody reads ----


def unread_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def unread_pipe_that_does_not_block():
    """Full from the start, as another program has left it."""
    reader, writer = unread_pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 99 + b"\n")
    return reader, writer


def unread_socket():
    """As the journal's."""
    reader, writer = socket.socketpair()
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return reader.detach(), writer.detach()


@pytest.mark.parametrize(
    "make", [unread_pipe, unread_pipe_that_does_not_block, unread_socket]
)
def test_who_does_not_read_the_log_holds_nothing_up(gatherd, upstream, slack, make):
    config = config_of(upstream, {"a": "/ok", "b": "/status/500"}, interval="20ms")
    reader, writer = make()
    arguments = ["-c", gatherd.config(config), "-o", "status.json", "-l", "debug"]
    process = gatherd.start(*arguments, stderr=writer)
    os.close(writer)
    path = gatherd.folder / "status.json"
    try:
        # Three lines a round, of which a few fit.
        upstream.wait_for(lambda upstream: upstream.asked.get("/status/500", 0) > 150)
        begun = upstream.asked["/ok"]
        upstream.wait_for(lambda upstream: upstream.asked["/ok"] > begun + 20)
        assert read_document(path)["generation"] > 100

        # Somebody reads again: what is missing is counted.
        os.set_blocking(reader, False)
        text = b""
        while not re.search(rb"\d+ lines of the log could not be written\n.*\n", text):
            asked = upstream.asked["/ok"]
            upstream.wait_for(lambda upstream, asked=asked: upstream.asked["/ok"] > asked)
            with contextlib.suppress(BlockingIOError):
                text += os.read(reader, 65536)
        # And again not: at the end nobody is waited for, either.
        upstream.wait_for(lambda upstream: upstream.asked["/ok"] > begun + 300)
        begun = time.monotonic()
        process.terminate()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 1 * slack
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(reader)


# ---- formats ----


def run_into(gatherd, path, config, *arguments, stream=None):
    """A daemon whose standard error is the file PATH; JOURNAL_STREAM names STREAM, which is
    an open file, or that one. Returns the process."""
    with open(path, "w") as log:
        status = os.fstat((stream or log).fileno())
        return gatherd.start(
            *("-c", gatherd.config(config), "-o", "status.json", *arguments),
            stderr=log,
            env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        )


def lines_of_a_life(gatherd, upstream, *arguments, stream=None):
    """What a daemon writes that starts, reloads a good and a broken config, and ends."""
    path = gatherd.folder / "log"
    config = config_of(upstream, {"a": "/ok", "b": "/status/500"}, interval="20ms")
    process = run_into(gatherd, path, config, *arguments, stream=stream)
    try:
        upstream.wait_for(lambda upstream: upstream.asked.get("/status/500", 0) > 2)
        config["services"]["c"] = upstream.url + "/echo/c"
        gatherd.config(config)
        process.send_signal(signal.SIGHUP)
        upstream.wait_for(lambda upstream: upstream.asked.get("/echo/c", 0) > 2)
        (gatherd.folder / "gatherd.yaml").unlink()
        process.send_signal(signal.SIGHUP)
        asked = upstream.asked["/echo/c"]
        while "not reloaded" not in path.read_text():
            asked += 1
            upstream.wait_for(lambda upstream: upstream.asked["/echo/c"] > asked)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
    return path.read_text().splitlines()


def test_the_journal_gets_priorities(gatherd, upstream):
    lines = lines_of_a_life(gatherd, upstream)
    assert all(re.match("<[3467]>", line) for line in lines), lines
    assert not any(re.search(TIME, line) for line in lines)
    assert lines[0].startswith("<6>gatherd ") and lines[-1] == "<6>stopping on SIGTERM"
    for line in ("<4>[b] returned HTTP 500", "<6>[c] added"):
        assert line in lines
    told = [re.sub("(?<=>).*/", "", line) for line in lines if line.startswith("<3>")]
    assert told == [
        "<3>gatherd.yaml:1:1: error: cannot be read: No such file or directory",
        "<3>config not reloaded: the one from before goes on",
    ]


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_faults_at_the_start_have_their_priority(gatherd, arguments):
    path = gatherd.folder / "log"
    broken = "interval: soon\nservices: {a: {url: 'ftp://x/'}}\n"
    process = run_into(gatherd, path, broken, *arguments)
    assert process.wait(60) == 2
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    priority = "" if arguments else "<3>"
    place = re.escape(str(gatherd.folder / "gatherd.yaml"))
    for number, line in enumerate(lines, 1):
        assert re.match(rf"{priority}{place}:{number}:\d+: error: ", line), lines


def test_the_journal_of_another_stream_is_not_ours(gatherd, upstream):
    with open(gatherd.folder / "other", "w") as other:
        lines = lines_of_a_life(gatherd, upstream, stream=other)
    assert len(log_lines("\n".join(lines))) >= 9


def test_lines_of_json(gatherd, upstream):
    lines = [
        json.loads(line) for line in lines_of_a_life(gatherd, upstream, "--log-format", "json")
    ]
    assert all(list(line) == ["time", "level", "target", "message"] for line in lines)
    assert all(re.fullmatch(TIME, line["time"]) for line in lines)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert ("b", "warn", "returned HTTP 500") in [
        (line["target"], line["level"], line["message"]) for line in lines
    ]
    assert lines[-1]["message"] == "stopping on SIGTERM"
    assert sum(line["level"] == "error" for line in lines) == 2


def test_the_config_says_level_and_format(gatherd, upstream):
    log = {"level": "warn", "format": "json"}
    config = config_of(upstream, {"a": "/ok", "b": "/status/500"}, log=log)
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
        daemon.stop()
    lines = [json.loads(line) for line in daemon.lines]
    assert [line["target"] for line in lines] == ["b", None]
