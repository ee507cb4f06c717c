"""SIGHUP where the config is broken, gone, or does not come: the one from before goes on."""

import contextlib
import os
import re
import signal
import threading
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, held
from helpers_gatherd import TIME, as_yaml, names_in, needs
from helpers_reload import complete, config_of, gather_now, verdict

__all__ = ["held"]  # a fixture

SLOW = os.environ.get("GATHERD_SLOW_TESTS") == "1"

NOT_RELOADED = r"error config not reloaded: the one from before goes on$"

BROKEN = """\
interval: soon
services:
  a: {url: http://127.0.0.1/, timeuot: 5s}
  b: http://127.0.0.1/{{no_such_var}}
  new: "${NO_SUCH_VARIABLE}"
"""


@contextlib.contextmanager
def one_in_flight(gatherd, held, *arguments, **keywords):
    """A daemon whose first round goes on until /held/slow is let go of; afterwards it must
    be as if nothing had happened but lines of the log."""
    config = config_of(held, {"slow": "/held/slow", "fails": "/status/500"}, interval="1h")
    with Daemon(gatherd, config, *arguments, **keywords) as daemon:
        held.wait_for(lambda held: held.asked == {"/held/slow": 1, "/status/500": 1})
        yield daemon
        held.let_go("/held/slow")
        document = daemon.wait_document(complete)
        assert list(document["services"]) == ["slow", "fails"]
        assert document["services"]["slow"]["status"] == "ok"
        assert document["round"]["number"] == 1
        document = gather_now(daemon)
        assert document["services"]["fails"]["failures"] == 2
        assert held.asked == {"/held/slow": 2, "/status/500": 2} and not held.ended


def test_faults_are_told_and_change_nothing(gatherd, held):
    with one_in_flight(gatherd, held) as daemon:
        assert not daemon.reload(BROKEN)
        verdict_at = daemon.lines.index(daemon.matches(NOT_RELOADED)[0])
        places = [
            re.match(rf"{TIME} error (?:.*/)?gatherd.yaml:(\d+):(\d+): error: ", line)
            for line in daemon.lines[verdict_at - 4 : verdict_at]
        ]
        assert [match and match[1] for match in places] == ["1", "3", "4", "5"], daemon.log
        assert "did you mean timeout?" in daemon.log
        assert not daemon.matches("config reloaded")


def make_missing(path):
    path.unlink()


def make_folder(path):
    path.unlink()
    path.mkdir()


def make_loop(path):
    path.unlink()
    path.symlink_to(path.name)


def make_large(path):
    path.write_bytes(b"#" * (8 * 1024 * 1024 + 1))


def make_binary(path):
    path.write_bytes(b"services: \0\xff\n")


def make_two(path):
    path.write_text("services: {}\n---\nservices: {}\n")


CASES = {
    make_missing: "No such file",
    make_folder: "directory",
    make_loop: "Too many levels",
    make_large: "larger than 8MiB",
    make_binary: "",
    make_two: "document",
}


@pytest.mark.parametrize("make", CASES)
def test_no_config_is_told_and_changes_nothing(gatherd, held, make):
    with one_in_flight(gatherd, held) as daemon:
        make(daemon.config_path)
        assert not daemon.reload()
        fault = daemon.lines[daemon.lines.index(daemon.matches(NOT_RELOADED)[0]) - 1]
        assert re.search(rf"error .*gatherd\.yaml:\d+:\d+: error: .*{CASES[make]}", fault), fault


def test_a_config_that_may_not_be_read_is_told(gatherd, held):
    under = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() == 0:
        needs([*under, "true"])
    else:
        under = []
    with one_in_flight(gatherd, held, under=under) as daemon:
        daemon.config_path.chmod(0)
        assert not daemon.reload()
        assert daemon.matches(r"gatherd\.yaml:1:1: error: .*Permission denied")
        daemon.config_path.chmod(0o600)
        assert daemon.reload()


def test_files_that_a_config_names_are_part_of_it(gatherd, held):
    with one_in_flight(gatherd, held) as daemon:
        named = gatherd.folder / "secret"
        services = {"new": {"url": "/echo/new", "headers": {"X-It": "${file:%s}" % named}}}
        assert not daemon.reload(config_of(held, services))
        assert daemon.matches(r"gatherd\.yaml:1:\d+: error: .*secret.*No such file")
        assert not daemon.reload("include: [more/*.yaml, no-such.yaml]\n")
        assert daemon.matches(r"no-such\.yaml")


def test_the_next_good_config_is_taken(gatherd, held):
    with Daemon(gatherd, config_of(held, {"a": "/ok"})) as daemon:
        daemon.wait_document(complete)
        assert not daemon.reload(BROKEN)
        assert not daemon.reload("services: [")
        assert daemon.reload(config_of(held, {"a": "/ok", "b": "/echo/b"}))
        assert verdict(daemon) == [1, 0, 0, 1]
        daemon.wait_document(lambda new: new["counts"]["ok"] == 2)
    assert held.asked == {"/ok": 1, "/echo/b": 1}


def test_no_output_any_more_is_told(gatherd, held):
    config = config_of(held, {"a": "/ok"}, output={"file": "status.json"})
    with Daemon(gatherd, config, output=None) as daemon:
        daemon.output = gatherd.folder / "status.json"
        daemon.wait_document(complete)
        assert not daemon.reload(config_of(held, {"b": "/ok"}))
        assert daemon.matches(r"error .*output\.file")
        assert list(gather_now(daemon)["services"]) == ["a"]


def test_standard_input_is_read_once(gatherd, held):
    config = config_of(held, {"a": "/ok"})
    read, write = os.pipe()
    with open(write, "w") as pipe:
        pipe.write(as_yaml(config))
    with open(read) as pipe, Daemon(gatherd, config, "-c", "-", stdin=pipe) as daemon:
        daemon.config_path.unlink()
        daemon.wait_document(complete)
        assert not daemon.reload()
        assert daemon.matches("error .*standard input")
        assert list(gather_now(daemon)["services"]) == ["a"]
        assert daemon.stop()[0] == 0


# ---- a config that does not come ----


def make_pipe(path):
    new = path.with_name("new")
    os.mkfifo(new)
    new.rename(path)


def open_behind(path):
    """Open a pipe for writing as soon as somebody reads it (fifo(7))."""
    found = []
    opened = threading.Thread(target=lambda: found.append(os.open(path, os.O_WRONLY)), daemon=True)
    opened.start()
    opened.join(PATIENCE)
    assert found, "nobody reads"
    return found[0]


def write_behind(path, text):
    with open(open_behind(path), "w") as pipe:
        pipe.write(text)


def test_gathering_goes_on_while_a_config_does_not_come(gatherd, held, slack):
    config = config_of(held, {"a": "/ok", "b": "/status/500"}, interval="50ms")
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
        make_pipe(daemon.config_path)
        daemon.signal(signal.SIGHUP)
        for _ in range(3):
            count = held.asked["/ok"]
            held.wait_for(lambda held, count=count: held.asked["/ok"] > count + 3)
            daemon.signal(signal.SIGHUP)  # one more, and one more: they are remembered as one
        daemon.next_document()
        assert not daemon.matches("config")
        config["services"]["c"] = held.url + "/echo/c"
        write_behind(daemon.config_path, as_yaml(config))
        daemon.wait_log("config reloaded: 1 added, 0 dropped, 0 changed, 2 unchanged")
        daemon.wait_document(lambda new: new["counts"]["total"] == 3)
        # It reads once more for all those that came meanwhile ...
        write_behind(daemon.config_path, "interval: never\n")
        daemon.wait_log(NOT_RELOADED)
        assert daemon.matches(r"gatherd\.yaml:1:11: error: ")
        # ... and not again, or it would hang in the pipe now.
        daemon.config_path.unlink()
        assert daemon.reload(config)
        assert verdict(daemon) == [0, 0, 0, 3]
        status, seconds = daemon.stop()
    assert status == 0 and seconds < 1 * slack


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_config_that_does_not_come_keeps_nobody_from_stopping(gatherd, held, slack, number):
    with Daemon(gatherd, config_of(held, {"a": "/held/a"})) as daemon:
        held.wait_for(lambda held: held.asked)
        make_pipe(daemon.config_path)
        daemon.signal(signal.SIGHUP)
        write = open_behind(daemon.config_path)
        os.write(write, b"services:\n")
        status, seconds = daemon.stop(number)
        os.close(write)
    assert status == 0 and seconds < 1 * slack
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


@pytest.mark.skipif(not SLOW, reason="waits for 30 s: GATHERD_SLOW_TESTS=1")
def test_a_config_that_does_not_come_is_given_up(gatherd, held):
    """Its thread stays behind; the next one, from another disk, is taken."""
    config = config_of(held, {"a": "/ok"})
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
        threads = daemon.status_of("Threads")
        make_pipe(daemon.config_path)
        assert not daemon.reload()
        assert daemon.matches("error the config could not be read within 30 s$")
        assert daemon.status_of("Threads") == threads + 1
        hanging = daemon.config_path.rename(gatherd.folder / "hanging")
        assert daemon.reload({**config, "timeout": "30s"})
        os.close(open_behind(hanging))
        end = time.monotonic() + PATIENCE
        while daemon.status_of("Threads") > threads:
            assert time.monotonic() < end
            gather_now(daemon)
        assert daemon.reload()
        assert daemon.stop()[0] == 0
